"""MI202."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import short, where
from modinspect.lint.rule import Draft, Rule, Runs


class EvalNotDeterministic(Rule):
    """Two eval runs on the same input give different outputs."""

    id = "MI202"
    name = "eval-not-deterministic"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Where two runs on the same input part."""
        spot = runs.difference()
        if spot is None:
            return
        begins = (
            f"; the difference begins with {short(spot.function)} in {where(runs.report, spot.module)}" if spot.function else ""
        )
        yield Draft(
            f"two eval runs on the same input give different outputs{begins}. Draw random numbers, and change state, only "
            "if self.training",
            spot.module,
            spot.source,
        )
