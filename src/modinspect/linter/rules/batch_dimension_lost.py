"""MI401."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import describe_op, first_op, op_pairs, output_pairs, rank
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Output, Report, index_of


class BatchDimensionLost(Rule):
    """With a batch of one, the output loses a dimension.

    ## What it does
    Runs the model on one sample and on several, and checks for outputs with fewer dimensions for one sample. Reports
    the call that drops the dimension.

    ## Why it is bad
    `x.squeeze()` drops every dimension of size 1, including the batch. This works until the last batch of an epoch has
    one sample, or the model serves one request at a time: then a shape doesn't fit or, worse, broadcasts to a wrong
    result.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x):
            return self.fc(x).squeeze()
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x):
            return self.fc(x).squeeze(-1)
    ```

    ## How it is found
    Two eval runs, on one sample and on the given batch (two samples if one was given), are compared call by call. If
    one sample takes a different path through the code, the call on that path that drops the dimension is reported. If
    the batch dimension of the inputs can't be determined, the rule is not decided.

    ## When to ignore it
    If the model is only called with batches of more than one sample.

    ## References
    - [torch.squeeze(x) might cause an error](https://github.com/layumi/Person_reID_baseline_pytorch/issues/77)
    - [tacotron2: fix error when batch size = 1](https://github.com/NVIDIA/tacotron2/pull/303)
    - [Dimension out of range in the last batch](https://github.com/bentrevett/pytorch-sentiment-analysis/issues/17)
    - [ludwig: squeeze extra dimensions explicitly](https://github.com/ludwig-ai/ludwig/pull/1726)
    """

    id = "MI401"
    name = "batch-dimension-lost"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Outputs with fewer dimensions for one sample than for several."""
        size = runs.batch_size()
        one, more = runs.batch(1), runs.batch(size if size > 1 else 2)
        if more.error is not None:
            return  # MI403 says so
        cause = first_op(one, more, _loses)
        if one.error is not None:
            if cause is not None:
                yield _finding(one, cause, f"forward raises ({one.error.type})")
            return
        for lost, whole in output_pairs(one, more):
            if rank(lost.shape) < rank(whole.shape):
                name = f"the output {lost.path}" if lost.path else "the output"
                cause = cause or _after_they_part(one, more, lost)
                yield _finding(one, cause, f"{name} has {rank(lost.shape)} dimensions instead of {rank(whole.shape)}")
                return


def _loses(one: Op, more: Op) -> bool:
    pairs = zip(one.outputs, more.outputs, strict=False)
    return any(rank(lost.shape) < rank(whole.shape) for lost, whole in pairs)


def _after_they_part(one: Report, more: Report, lost: Output) -> Op | None:
    """Where one sample goes another way (``if len(x) == 1: x = x[0]``): the call there, on the way to the output, that drops.

    The call that made the output, where none does.
    """
    alike = sum(1 for _ in op_pairs(one, more))
    waiting = [index_of(lost.origin, "op")]
    way: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index is not None and index not in way:
            way.add(index)
            waiting += [index_of(operand.origin, "op") for operand in one.ops[index].inputs]
    dropping = (one.ops[index] for index in sorted(way) if index >= alike and _drops(one.ops[index]))
    producer = index_of(lost.origin, "op")
    return next(dropping, None if producer is None else one.ops[producer])


def _drops(op: Op) -> bool:
    return bool(op.inputs) and any(rank(output.shape) < rank(op.inputs[0].shape) for output in op.outputs)


def _finding(report: Report, op: Op | None, what: str) -> PendingFinding:
    if op is None:
        return PendingFinding(f"with a batch of one, {what}. Name the dimension to squeeze, as in x.squeeze(-1)")
    advice = "Name the dimension, as in x.squeeze(-1)" if "squeeze" in op.name else "Keep the batch dimension"
    return PendingFinding(
        f"with a batch of one, {what}: {describe_op(report, op)} drops the batch dimension. {advice}", op.module, op.source
    )
