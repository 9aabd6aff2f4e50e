"""MI603."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Report, base_name, index_of


class ResultUnused(Rule):
    """A result is computed but never used.

    ## What it does
    Checks for calls whose result is not used by the output or a later call, and that nothing keeps.

    ## Why it is bad
    At best it wastes time. Often the result was meant to be assigned: `F.relu(x)` and `x.clamp(0, 1)` don't change `x`.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            x.clamp(0, 1)
            return x
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x.clamp(0, 1)
    ```

    ## How it is found
    In the eval run, by the operands of all later calls. In-place calls, views, and results that an attribute or a cache
    holds after the forward are not reported.

    ## When to ignore it
    If other inputs or another mode use the result.

    ## References
    - [The output of the ReLU is never used in the blocks of BNInception](https://github.com/Cadene/pretrained-models.pytorch/issues/79)
    - [InceptionV1: some of the relu activations are just ignored](https://github.com/Cadene/pretrained-models.pytorch/issues/90)
    """

    id = "MI603"
    name = "result-unused"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Results that nothing uses."""
        report = runs.report
        graph = ReportGraph(report)
        given = {index_of(output.origin, "op") for output in report.outputs}
        for op in report.ops:
            used = graph.users.get(op.index) or op.index in given or op.kept is not False
            if (
                used
                or op.kind != "compute"
                or op.mutates
                or not op.outputs
                or _passes_on(op)
                or _may_be_a_functions_result(report, op)
            ):
                continue
            yield PendingFinding(
                f"the result of {describe_op(report, op)} is never used. Use it, or remove the call",
                op.module,
                op.source,
                about=op.name,
            )


def _may_be_a_functions_result(report: Report, op: Op) -> bool:
    """Whether an ``autograd.Function`` that runs around an op may have returned its result."""
    shapes = [output.shape for output in op.outputs]
    return any(
        base_name(other.name) == "apply" and other.call == op.call and other.module == op.module
        and any(output.shape in shapes for output in other.outputs)
        for other in report.ops[: op.index]
    )  # fmt: skip


def _passes_on(op: Op) -> bool:
    """Whether an op returned its operand: dropout in eval mode."""
    return "dropout" in base_name(op.name)
