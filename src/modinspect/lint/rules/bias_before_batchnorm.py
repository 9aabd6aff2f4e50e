"""MI602."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import Reading, last, where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.report import Op

_WITH_BIAS = frozenset(["linear", *(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3))])


class BiasBeforeBatchnorm(Rule):
    """A layer has a bias that the batch norm after it removes."""

    id = "MI602"
    name = "bias-before-batchnorm"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Biases whose only effect is on what a batch norm subtracts."""
        reading = Reading(runs.report)
        outputs = {output.origin for output in runs.report.outputs}
        for norm in runs.report.ops:
            if last(norm.name) != "batch_norm" or not norm.inputs:
                continue
            op = reading.made_by(norm.inputs[0])
            if op is None or not _has_bias(op) or len(reading.users[op.index]) > 1 or f"op:{op.index}" in outputs:
                continue
            yield Draft(
                f"the bias of {where(runs.report, op.module)} has no effect: the batch norm {norm.module or 'after it'} "
                "subtracts the "
                "mean, and adds a bias of its own. Pass bias=False",
                op.module,
                op.source,
            )


def _has_bias(op: Op) -> bool:
    return last(op.name) in _WITH_BIAS and any(
        operand.argument == "bias" and (operand.origin or "").startswith("param:") for operand in op.inputs
    )
