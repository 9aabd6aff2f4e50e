"""MI603."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import Reading, index_of, last, short, where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.report import Op


class ResultUnused(Rule):
    """A result is computed that nothing uses."""

    id = "MI603"
    name = "result-unused"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Results that are computed for nothing."""
        report = runs.report
        reading = Reading(report)
        given = {index_of(output.origin, "op") for output in report.outputs}
        for op in report.ops:
            used = reading.users.get(op.index) or op.index in given or op.kept is not False
            if used or op.kind != "compute" or op.mutates or not op.outputs or _passes_on(op):
                continue
            yield Draft(
                f"nothing uses the result of {short(op.name)} in {where(report, op.module)}, neither the output nor a later "
                "call: "
                "use it, or do not compute it",
                op.module,
                op.source,
                about=op.name,
            )


def _passes_on(op: Op) -> bool:
    """Whether an op gave its operand back: dropout in eval mode."""
    return "dropout" in last(op.name)
