"""Which running statistics a forward in train mode updates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modinspect.report import Op, Report, base_name


@dataclass(frozen=True, slots=True)
class Updates:
    """The ops that update one running mean, in order; ``parameters`` are the names of weight and bias."""

    module: str
    ops: tuple[Op, ...]
    parameters: frozenset[str]


def updates(report: Report) -> Iterator[Updates]:
    """One entry for each running mean that a batch norm of this run writes to."""
    found: dict[str, list[Op]] = {}
    for op in report.ops:
        if base_name(op.name) == "batch_norm" and op.arguments.get("training") is True and op.arguments.get("momentum") != 0.0:
            for operand in op.inputs:
                if operand.argument == "running_mean" and operand.origin is not None:
                    found.setdefault(operand.origin, []).append(op)
    for ops in found.values():
        origins = (operand.origin or "" for operand in ops[0].inputs if operand.argument in ("weight", "bias"))
        names = frozenset(origin.removeprefix("param:") for origin in origins if origin.startswith("param:"))
        yield Updates(ops[0].module, tuple(ops), names)
