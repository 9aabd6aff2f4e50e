"""MI304."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.batchnorms import updates
from modinspect.lint.reading import Reading, where
from modinspect.lint.rule import Draft, Rule, Runs


class FrozenBatchnormUpdates(Rule):
    """A batch norm with frozen parameters still updates its running statistics."""

    id = "MI304"
    name = "frozen-batchnorm-updates"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Batch norms that learn nothing and whose running statistics move all the same."""
        frozen = {state.name for state in runs.report.parameters if not state.trainable}
        if not frozen or not any(op.name.endswith("batch_norm") for op in runs.report.ops):
            return
        report = runs.train()
        reading = Reading(report)
        trained = any(state.trainable for state in report.parameters)
        for found in updates(report):
            if not found.parameters or not found.parameters <= frozen:
                continue
            yield Draft(
                f"the parameters of {where(report, found.module)} are frozen, and in train mode its running statistics are "
                "updated all "
                "the same: what it computes in eval mode drifts. Put it into eval mode in an override of train()",
                found.module,
                reading.users_line(found.ops[0]),
                severity=None if trained else "info",
            )
