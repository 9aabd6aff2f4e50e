"""MI304."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_module, updates
from modinspect.linter.rule import PendingFinding, Rule, Runs


class FrozenBatchnormUpdates(Rule):
    """A frozen batch norm still updates its running statistics.

    ## What it does
    Checks for batch norms whose weight and bias have `requires_grad=False` but whose running mean and variance change
    in train mode.

    ## Why it is bad
    `requires_grad_(False)` stops the optimizer, not the statistics: they are buffers, updated by every forward in train
    mode. A "frozen" backbone drifts away from its checkpoint, quickly if batches are small.

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
    In the train run, by the buffers that batch norms write to and the parameters that they use. In a model without
    trainable parameters it is an info.

    ## When to ignore it
    If the statistics should follow new data while scale and shift stay fixed, as in some domain adaptation methods.

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
        """Batch norms without trainable parameters whose running statistics change."""
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
                f"{describe_module(report, found.module)} is frozen, but its running statistics still change in train mode. "
                "Put it in eval mode in an override of train()",
                found.module,
                graph.users_line(found.ops[0]),
                severity=None if trained else "info",
            )
