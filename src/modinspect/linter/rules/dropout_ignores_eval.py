"""MI201."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, base_name

_DROPOUTS = frozenset({
    "dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "alpha_dropout_", "feature_dropout",
    "feature_dropout_", "feature_alpha_dropout", "feature_alpha_dropout_", "native_dropout",
})  # fmt: skip


class DropoutIgnoresEval(Rule):
    """Dropout or batch norm stays in training mode after `model.eval()`.

    ## What it does
    Checks the eval run for calls that behave as in training: `F.dropout` and its variants with `training=True` (their
    default), `F.scaled_dot_product_attention` with `dropout_p` above 0, `F.multi_head_attention_forward` with dropout,
    `F.batch_norm(training=True)`, and dropout modules that `model.eval()` doesn't reach.

    ## Why it is bad
    Predictions are random, less accurate than the model is, and differ from call to call. A functional call doesn't
    know about `model.eval()`: it only sees its arguments.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.dropout(self.fc(x), 0.5)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.dropout(self.fc(x), 0.5, training=self.training)
    ```

    For attention, pass `dropout_p=self.p if self.training else 0.0`.

    ## How it is found
    In the eval run, by the arguments of each call, including defaults. A probability of 0 is not reported, nor is
    `nn.BatchNorm2d(track_running_stats=False)`, which uses batch statistics by design.

    ## When to ignore it
    If dropout at prediction time is the method (Monte Carlo dropout).

    ## References
    - [SDPA does not switch off dropout during evaluation](https://github.com/pytorch/pytorch/issues/124464)
    - [The same in timm, "a recurring bug"](https://github.com/huggingface/pytorch-image-models/pull/1978)
    - [Dropout not handled properly in torchtune's attention](https://github.com/meta-pytorch/torchtune/issues/1791)
    - [Dropout not disabled for eval in wenet](https://github.com/wenet-e2e/wenet/issues/2699)
    """

    id = "MI201"
    name = "dropout-ignores-eval"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Calls that go on as in training in the eval run."""
        graph = ReportGraph(runs.report)
        for op in runs.report.ops:
            what = _active(op) or (_batch_norm(op) if not graph.by_torch(op) or op.hidden else None)
            if what is not None:
                message = f"{describe_op(runs.report, op)} {what}"
                yield PendingFinding(message, op.module, graph.users_line(op), about=op.name)


def _active(op: Op) -> str | None:
    """What is wrong with a dropout; ``None`` where it does nothing."""
    name, arguments = base_name(op.name), op.arguments
    training = arguments.get("training", arguments.get("train", False)) is True
    if name in _DROPOUTS and training and _positive(arguments.get("p", 0.5)):
        return "drops values in eval mode. Pass training=self.training, or use nn.Dropout"
    if name == "rrelu" and training:
        return "draws random slopes in eval mode. Pass training=self.training"
    if name == "multi_head_attention_forward" and training and _positive(arguments.get("dropout_p", 0.0)):
        return "drops attention weights in eval mode. Pass training=self.training"
    if name == "scaled_dot_product_attention" and _positive(arguments.get("dropout_p", 0.0)):
        return "drops attention weights in eval mode. Pass dropout_p=self.p if self.training else 0.0"
    return None


def _batch_norm(op: Op) -> str | None:
    if base_name(op.name) != "batch_norm" or op.arguments.get("training") is not True:
        return None
    return "uses batch statistics in eval mode. Pass training=self.training and running statistics"


def _positive(value: object) -> bool:
    return isinstance(value, (int, float)) and value > 0
