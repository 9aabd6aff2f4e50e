"""FLOPs as people see them: the estimate where the operators of an op have no formula in torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from modinspect.report import Op


class FlopSum(NamedTuple):
    """A sum of FLOPs: ``None`` if nothing is known. ``uncounted``: some are unknown, so the sum is a lower bound."""

    flops: int | None
    estimated: bool
    uncounted: bool


def has_estimates(ops: Sequence[Op]) -> bool:
    """Whether the report has estimates at all; a report from elsewhere may have only counts."""
    return any(op.estimated_flops is not None for op in ops)


def flops_of(op: Op, *, estimates: bool) -> int | None:
    """The op's FLOPs, by estimate if the report has estimates; ``None`` if not known."""
    return op.estimated_flops if estimates else op.flops


class FlopSums:
    """Sums of FLOPs over ranges of ops, each in constant time."""

    def __init__(self, ops: Sequence[Op]) -> None:
        estimates = has_estimates(ops)
        best = [flops_of(op, estimates=estimates) for op in ops]
        counted = [op.flops for op in ops]
        known = [flops if best_ is None else best_ for best_, flops in zip(best, counted, strict=True)]
        self._known = [0, *itertools.accumulate(flops or 0 for flops in known)]
        self._estimated = [0, *itertools.accumulate(a is not None and a != b for a, b in zip(best, counted, strict=True))]
        self._unknown = [0, *itertools.accumulate(flops is None for flops in best)]

    def between(self, start: int, stop: int) -> FlopSum:
        """The sum over the ops from ``start`` up to, but not including, ``stop``."""
        known = self._known[stop] - self._known[start]
        unknown = self._unknown[stop] > self._unknown[start]
        return FlopSum(known if known or not unknown else None, self._estimated[stop] > self._estimated[start], unknown)
