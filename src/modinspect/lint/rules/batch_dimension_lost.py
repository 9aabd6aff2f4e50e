"""MI401."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.batches import first_op, output_pairs, rank
from modinspect.lint.reading import short, where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.report import Op, Report


class BatchDimensionLost(Rule):
    """With a batch of one, the output loses a dimension."""

    id = "MI401"
    name = "batch-dimension-lost"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Outputs with fewer dimensions for one sample than for several."""
        size = runs.batch_size()
        one, more = runs.batch(1), runs.batch(size if size > 1 else 2)
        if more.error is not None:
            return  # MI403 says so
        culprit = first_op(one, more, _loses)
        if one.error is not None:
            if culprit is not None:
                yield _draft(one, culprit, f"forward raises ({one.error.type})")
            return
        for lost, whole in output_pairs(one, more):
            if rank(lost.shape) < rank(whole.shape):
                name = f"the output {lost.path}" if lost.path else "the output"
                yield _draft(one, culprit, f"{name} has rank {rank(lost.shape)} instead of {rank(whole.shape)}")
                return


def _loses(one: Op, more: Op) -> bool:
    pairs = zip(one.outputs, more.outputs, strict=False)
    return any(rank(lost.shape) < rank(whole.shape) for lost, whole in pairs)


def _draft(report: Report, op: Op | None, what: str) -> Draft:
    if op is None:
        return Draft(f"with a batch of one, {what}: name the dimension to squeeze, as in x.squeeze(-1)")
    at = f"{short(op.name)} in {where(report, op.module)}"
    way_out = (
        "name the dimension to drop, as in x.squeeze(-1)"
        if "squeeze" in op.name
        else "keep the batch dimension apart from the others"
    )
    return Draft(f"with a batch of one, {what}, because {at} drops the batch dimension: {way_out}", op.module, op.source)
