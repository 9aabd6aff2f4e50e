"""MI402."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import short, where
from modinspect.lint.rule import Draft, Rule, Runs


class BatchSamplesMix(Rule):
    """In eval mode, the output for one sample depends on the others in its batch."""

    id = "MI402"
    name = "batch-samples-mix"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Where another sample's values come into a sample's output."""
        spot = runs.mixing()
        if spot is None:
            return
        begins = f": {short(spot.function)} in {where(runs.report, spot.module)} mixes them" if spot.function else ""
        yield Draft(
            f"in eval mode the output for one sample depends on the other samples of its batch{begins}. Work along the "
            "dimensions "
            "of a sample, and leave the batch dimension alone",
            spot.module,
            spot.source,
        )
