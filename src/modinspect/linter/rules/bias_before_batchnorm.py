"""MI602."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_module
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, base_name

_WITH_BIAS = frozenset(["linear", *(f"conv{n}d" for n in (1, 2, 3)), *(f"conv_transpose{n}d" for n in (1, 2, 3))])


class BiasBeforeBatchnorm(Rule):
    """A layer's bias has no effect, because batch norm follows.

    ## What it does
    Checks for linear layers and convolutions with a bias whose result only goes into a batch norm.

    ## Why it is bad
    In train mode batch norm subtracts the batch mean, and with it the bias; it has a bias of its own. The parameter
    costs memory and time and does nothing else.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            return self.norm(self.conv(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, bias=False)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            return self.norm(self.conv(x))
    ```

    ## How it is found
    In the eval run, by the op that computed the input of each batch norm.

    ## When to ignore it
    If weights are loaded from a checkpoint that has the bias.

    ## References
    - [delete convolution bias before BN](https://github.com/milesial/Pytorch-UNet/pull/325)
    - [All bias in conv layers before the batch norm is unnecessary](https://github.com/4uiiurz1/pytorch-nested-unet/issues/39)
    - [Omit redundant bias in identity and conv blocks](https://github.com/matterport/Mask_RCNN/pull/1455)
    """

    id = "MI602"
    name = "bias-before-batchnorm"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Biases whose only effect is on what a batch norm subtracts."""
        graph = ReportGraph(runs.report)
        outputs = {output.origin for output in runs.report.outputs}
        for norm in runs.report.ops:
            if base_name(norm.name) != "batch_norm" or not norm.inputs:
                continue
            op = graph.producer(norm.inputs[0])
            if op is None or not _has_bias(op) or len(graph.users[op.index]) > 1 or f"op:{op.index}" in outputs:
                continue
            yield PendingFinding(
                f"the bias of {describe_module(runs.report, op.module)} has no effect: the batch norm "
                f"{norm.module or 'after it'} subtracts the mean and adds a bias of its own. Pass bias=False",
                op.module,
                op.source,
            )


def _has_bias(op: Op) -> bool:
    return base_name(op.name) in _WITH_BIAS and any(
        operand.argument == "bias" and (operand.origin or "").startswith("param:") for operand in op.inputs
    )
