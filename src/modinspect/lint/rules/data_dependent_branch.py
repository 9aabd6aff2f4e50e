"""MI501."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import Reading, last, short, where
from modinspect.lint.rule import Draft, Rule, Runs

_DECIDES = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "is_nonzero",
    "equal", "allclose",
})  # fmt: skip


class DataDependentBranch(Rule):
    """A tensor's value decides which way Python goes."""

    id = "MI501"
    name = "data-dependent-branch"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Reads of a value that Python can act on."""
        reading = Reading(runs.report)
        for op in runs.report.ops:
            if op.kind != "read" or last(op.name) not in _DECIDES or reading.by_torch(op):
                continue
            yield Draft(
                f"{short(op.name)} in {where(runs.report, op.module)} takes a tensor's value to Python: torch.compile breaks "
                "the graph "
                "there, and a GPU has to be waited for. Decide by shapes, or compute both ways and choose with torch.where",
                op.module,
                op.source,
                about=op.name,
            )
