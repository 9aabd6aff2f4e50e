"""MI601."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import PRESERVES_VALUES, ReportGraph, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Operand, base_name, short_name

_PAIRS = {
    ("softmax", "softmax"): "Apply it once",
    ("softmax", "log_softmax"): "Apply F.log_softmax to the logits",
    ("softmax", "log"): "Use F.log_softmax(x, dim), which doesn't underflow to -inf",
    ("log_softmax", "log_softmax"): "Apply it once",
    ("log_softmax", "softmax"): "Apply F.softmax to the logits",
    ("log_softmax", "log"): "Remove the log: F.log_softmax includes it",
    ("softmax", "cross_entropy"): "Pass the logits: F.cross_entropy applies log_softmax itself",
    ("log_softmax", "cross_entropy"): "Pass the logits, or use F.nll_loss: F.cross_entropy applies log_softmax itself",
    ("softmax", "nll_loss"): "Use F.log_softmax: F.nll_loss expects log-probabilities",
    ("softmax", "kl_div"): "Use F.log_softmax: F.kl_div expects log-probabilities as its input",
    ("softmax", "sigmoid"): "Apply one of the two",
    ("softmax", "binary_cross_entropy_with_logits"): "Pass the logits: it applies the sigmoid itself",
    ("sigmoid", "sigmoid"): "Apply it once",
    ("sigmoid", "log_softmax"): "Apply F.log_softmax to the logits",
    ("sigmoid", "cross_entropy"): "Pass the logits: F.cross_entropy applies log_softmax itself",
    ("sigmoid", "logsigmoid"): "Apply F.logsigmoid to the logits",
    ("sigmoid", "log"): "Use F.logsigmoid(x), which doesn't underflow to -inf",
    ("sigmoid", "binary_cross_entropy_with_logits"): "Pass the logits: it applies the sigmoid itself",
}
_ALONG_A_DIMENSION = frozenset({"softmax", "log_softmax"})
_PASSES_ON = PRESERVES_VALUES | frozenset({
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "dropout", "view_as", "expand", "expand_as",
    "data", "__getitem__", "chunk", "split", "select", "narrow",
})  # fmt: skip


class RepeatedSoftmax(Rule):
    """A softmax, sigmoid or logarithm is applied twice.

    ## What it does
    Checks for a softmax of a softmax, the logarithm of a softmax or sigmoid, losses that apply one themselves but get
    its result (`F.cross_entropy` of a softmax or sigmoid, `F.binary_cross_entropy_with_logits` of a sigmoid), and
    losses that expect log-probabilities but get probabilities (`F.nll_loss`, `F.kl_div`).

    ## Why it is bad
    A second softmax flattens the distribution: with 10 classes the largest possible probability is 0.23, the loss can't
    go below a floor, and gradients are small. The logarithm of a softmax is `-inf` where the softmax underflows.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            probabilities = F.softmax(self.fc(x), dim=-1)
            return torch.log(probabilities)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.log_softmax(self.fc(x), dim=-1)
    ```

    ## How it is found
    In the eval run, by following the first operand back through views and casts. A softmax along rows and then along
    columns, and `log(p + eps)`, are not reported.

    ## When to ignore it
    If the second application is intended, for example as a kind of temperature.

    ## References
    - [Softmax applied twice when computing loss in LogisticRegression](https://github.com/Lightning-Universe/lightning-bolts/issues/654)
    - [Removes erroneous extra softmax](https://github.com/bowang-lab/Transformer-GCN-QA/pull/32)
    - [log_softmax and cross_entropy together](https://github.com/speedinghzl/Pytorch-Deeplab/issues/2)
    """

    id = "MI601"
    name = "repeated-softmax"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """A softmax, sigmoid or logarithm of the result of another."""
        graph = ReportGraph(runs.report)
        for op in runs.report.ops:
            if not op.inputs or _family(op) not in {second for _, second in _PAIRS}:
                continue
            before = _maker(graph, op.inputs[0])
            advice = _PAIRS.get((_family(before), _family(op))) if before is not None else None
            if before is None or advice is None or not _same_dimension(before, op):
                continue
            where = f" ({before.source.file}:{before.source.line})" if before.source is not None else ""
            yield PendingFinding(
                f"{describe_op(runs.report, op)} gets the result of {short_name(before.name)}{where}. {advice}",
                op.module,
                op.source,
                about=op.name,
            )


def _family(op: Op) -> str:
    """The name of what a call computes, without its spelling."""
    name = base_name(op.name)
    return {"log_": "log", "sigmoid_": "sigmoid", "special_softmax": "softmax", "expit": "sigmoid"}.get(name, name)


def _maker(graph: ReportGraph, operand: Operand) -> Op | None:
    """The op that computed an operand, skipping views and casts."""
    maker = graph.producer(operand)
    while maker is not None and base_name(maker.name) in _PASSES_ON and maker.inputs:
        maker = graph.producer(maker.inputs[0])
    return maker


def _same_dimension(before: Op, op: Op) -> bool:
    """Whether both normalize along the same dimension: a softmax along rows and then along columns is fine."""
    if _family(before) not in _ALONG_A_DIMENSION or _family(op) not in _ALONG_A_DIMENSION:
        return True
    first, second = before.inputs[0].shape, op.inputs[0].shape
    dims = (before.arguments.get("dim"), op.arguments.get("dim"))
    if first is None or second is None or not all(isinstance(dim, int) for dim in dims):
        return True
    one, other = int(dims[0]), int(dims[1])  # type: ignore[arg-type]
    if len(first) == len(second):
        return one % len(first) == other % len(second)
    return first[one] == second[other]
