"""MI303."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.batchnorms import Updates, updates
from modinspect.lint.reading import Reading, where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.report import Call


class BatchnormReused(Rule):
    """One batch norm runs several times in a forward, and mixes its statistics."""

    id = "MI303"
    name = "batchnorm-reused"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Running statistics that one forward in train mode updates more than once."""
        if not any(op.name.endswith("batch_norm") for op in runs.report.ops):
            return
        report = runs.train()
        reading = Reading(report)
        for found in updates(report):
            if len(found.ops) < 2:
                continue
            again = _second(reading, found)
            yield Draft(
                f"{where(report, found.module)} runs {len(found.ops)} times in one forward: its running statistics mix those "
                "of "
                "different inputs. Use one batch norm for each place, or one that keeps no statistics (nn.GroupNorm, "
                "nn.LayerNorm)",
                found.module,
                again.source if again is not None else found.ops[1].source,
            )


def _second(reading: Reading, found: Updates) -> Call | None:
    """The call that led to the second update and not to the first: of the batch norm itself, or of a module around it."""
    first = list(reading.calls_around(reading.call_of(found.ops[0])))
    second = list(reading.calls_around(reading.call_of(found.ops[1])))
    shared = {call.index for call in first}
    apart = [call for call in second if call.index not in shared]
    return apart[-1] if apart else None
