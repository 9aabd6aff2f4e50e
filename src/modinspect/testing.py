"""Assertions on models, for any test runner.

from modinspect.testing import assert_clean

def test_net_is_clean():
    assert_clean(Net(), "1,10", ignore=["MI501"])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from modinspect.findings import LintReport, Severity


def assert_clean(
    model: nn.Module,
    inputs: Any = None,
    *,
    ignore: Sequence[str] = (),
    select: Sequence[str] = (),
    fail_on: Severity = "warning",
    opaque: Sequence[str] = (),
    batch_dim: int | None = None,
) -> LintReport:
    """Fails if :func:`modinspect.lint` finds something in a model.

    Args:
        model: it is left unchanged.
        inputs: what ``forward`` is called with, or specs such as ``"1,10"``; ``None`` to guess them from the model.
        ignore: rules to skip: ids, prefixes of ids, or names.
        select: rules to check; all if empty.
        fail_on: the lowest severity that fails.
        opaque: globs of class paths that count as layers.
        batch_dim: the dimension of the inputs that is the batch; ``None`` to detect it.

    Returns:
        The report, including findings below ``fail_on`` and undecided rules.

    Raises:
        AssertionError: there are findings; the message shows them with their lines.
    """
    __tracebackhide__ = True
    from modinspect.linter import lint

    report = lint(model, inputs, ignore=ignore, select=select, opaque=opaque, batch_dim=batch_dim)
    fail_if_found(report, fail_on)
    return report


def fail_if_found(report: LintReport, fail_on: Severity) -> None:
    """Raises an AssertionError with the findings if any is at least as severe as ``fail_on``."""
    __tracebackhide__ = True
    if report.at_least(fail_on):
        raise AssertionError(f"{' and '.join(report.targets)} is not clean\n\n{report}")
