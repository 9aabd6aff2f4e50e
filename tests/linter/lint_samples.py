"""Findings, rules and runs made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modinspect.findings import Finding, Severity, Skipped
from modinspect.linter.check import Checked
from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided
from modinspect.report import ModelInfo, ModuleInfo, Op, Report, Source, StateTensor, Totals
from tests.data_helpers import replace

REPORT = Report(
    model=ModelInfo("pkg:Net", "Net", False, "cpu", "real"),
    inputs=(),
    outputs=(),
    modules=(
        ModuleInfo("", "Net", True, False, 1, 0, 0, 0, 0, 0, ()),
        ModuleInfo("fc", "Linear", True, True, 1, 0, 0, 0, 0, 0, ()),
    ),
    ops=(),
    unregistered=(),
    totals=Totals(0, 0, 0, 0, 0, 0, 0, 0, 0),
    parameters=(StateTensor("fc.weight", (), (5, 10), "float32", "cpu", 50, True, True),),
)


def op_at(file: str, line: int) -> Op:
    return Op(0, "torch.tanh", "compute", True, "", 0, (), (), 0, Source(file, line, "Net.forward"))


class FakeRuns:
    """Runs of a model that ran these lines and was built by those, and that knows no other run."""

    def __init__(
        self, ran: tuple[tuple[str, int], ...] = (), declared: dict[str, Source] | None = None, error: str = ""
    ) -> None:
        self._report = replace(REPORT, ops=tuple(op_at(*place) for place in ran))
        self._declared = declared or {}
        self._error = error

    @property
    def report(self) -> Report:
        if self._error:
            raise Undecided(self._error)
        return self._report

    def declared(self, name: str) -> Source | None:
        return self._declared.get(name)

    def __getattr__(self, name: str) -> Any:
        raise Undecided(f"there is no run {name!r}")


class FakeRule(Rule):
    """A rule that does what it is told.

    ## What it does
    Nothing.
    """

    id = "MI103"
    name = "unregistered-weight"
    severity: Severity = "error"  # type: ignore[misc]

    def __init__(self, says: Callable[[Runs], Iterator[PendingFinding]], rule: str = "MI103") -> None:
        self._says = says
        self.id = rule  # type: ignore[misc]

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        return self._says(runs)


def finding(
    file: str | None = "net.py",
    line: int = 3,
    *,
    rule: str = "MI103",
    severity: Severity = "error",
    target: str = "pkg:Net",
    code: str = "return F.linear(x, w)",
    function: str = "Net.forward",
    message: str = "the weight of F.linear is no parameter",
    **more: Any,
) -> Finding:
    source = None if file is None else Source(file, line, function, code)
    return Finding(rule, "unregistered-weight", severity, message, target, more.pop("module", ""), source, **more)


def checked(
    *findings: Finding,
    target: str = "pkg:Net",
    skipped: tuple[Skipped, ...] = (),
    decided: tuple[str, ...] = ("MI001", "MI103"),
    lines: dict[str, frozenset[int]] | None = None,
) -> Checked:
    return Checked(target, findings, skipped, frozenset(decided), lines or {})
