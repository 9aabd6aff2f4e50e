"""MI304."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, updates, where
from modinspect.linter.rule import PendingFinding, Rule, Runs


class FrozenBatchnormUpdates(Rule):
    """A batch norm with frozen parameters still updates its running statistics.

    ## What it does
    Reports a batch norm whose weight and bias do not require a gradient and that updates its running mean and variance
    in train mode.

    ## Why it is bad
    `requires_grad_(False)` stops the optimizer, not the statistics: those are buffers, written in each forward in train
    mode. A "frozen" backbone drifts away from its checkpoint, and with small batches it drifts fast.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
            self.backbone.requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.backbone(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
            self.backbone.requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def train(self, mode=True):
            super().train(mode)
            self.backbone.eval()
            return self

        def forward(self, x):
            return self.head(self.backbone(x))
    ```

    ## How it is found
    In the train run, by the buffers that batch norms write to and the parameters that they use. In a model without any
    trainable parameter it is an info: who would train it?

    ## When to ignore it
    When the statistics are meant to follow the new data while scale and shift stay, as in some methods of domain
    adaptation.

    ## References
    - [Easy way to "freeze" BatchNorm running_mean/running_var](https://github.com/pytorch/pytorch/issues/86590)
    - [Users are surprised that batch norm of frozen layers changes](https://github.com/Lightning-AI/pytorch-lightning/pull/18951)
    - [The eval mode of a frozen BatchNorm is reset by the next model.train()](https://github.com/pgniewko/gt-pyg/issues/112)
    - [freeze_bn seems to be an invalid option](https://github.com/poppinace/indexnet_matting/issues/35)
    """

    id = "MI304"
    name = "frozen-batchnorm-updates"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Batch norms that learn nothing and whose running statistics move all the same."""
        frozen = {state.name for state in runs.report.parameters if not state.trainable}
        if not frozen or not any(op.name.endswith("batch_norm") for op in runs.report.ops):
            return
        report = runs.train()
        graph = ReportGraph(report)
        trained = any(state.trainable for state in report.parameters)
        for found in updates(report):
            if not found.parameters or not found.parameters <= frozen:
                continue
            yield PendingFinding(
                f"the parameters of {where(report, found.module)} are frozen, and in train mode its running statistics are "
                "updated all the same: what it computes in eval mode drifts. Put it into eval mode in an override of train()",
                found.module,
                graph.users_line(found.ops[0]),
                severity=None if trained else "info",
            )
