"""MI601."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import PRESERVES_VALUES, ReportGraph, last, short, where
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Operand

_PAIRS = {
    ("softmax", "softmax"): "apply it once",
    ("softmax", "log_softmax"): "apply F.log_softmax to the logits alone",
    ("softmax", "log"): "use F.log_softmax(x, dim), which does not underflow to -inf",
    ("log_softmax", "log_softmax"): "apply it once",
    ("log_softmax", "softmax"): "apply F.softmax to the logits alone",
    ("log_softmax", "log"): "F.log_softmax has taken the logarithm",
    ("softmax", "cross_entropy"): "F.cross_entropy applies log_softmax itself: hand it the logits",
    ("log_softmax", "cross_entropy"): "F.cross_entropy applies log_softmax itself: hand it the logits, or use F.nll_loss",
    ("softmax", "nll_loss"): "F.nll_loss expects log-probabilities: use F.log_softmax",
    ("softmax", "kl_div"): "F.kl_div expects log-probabilities as its input: use F.log_softmax",
    ("softmax", "sigmoid"): "apply one of the two",
    ("softmax", "binary_cross_entropy_with_logits"): "it applies the sigmoid itself: hand it the logits",
    ("sigmoid", "sigmoid"): "apply it once",
    ("sigmoid", "log_softmax"): "apply F.log_softmax to the logits alone",
    ("sigmoid", "cross_entropy"): "F.cross_entropy applies log_softmax itself: hand it the logits",
    ("sigmoid", "logsigmoid"): "apply F.logsigmoid to the logits alone",
    ("sigmoid", "log"): "use F.logsigmoid(x), which does not underflow to -inf",
    ("sigmoid", "binary_cross_entropy_with_logits"): "it applies the sigmoid itself: hand it the logits",
}
_ALONG_A_DIMENSION = frozenset({"softmax", "log_softmax"})
_PASSES_ON = PRESERVES_VALUES | frozenset({
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "dropout", "view_as", "expand", "expand_as",
    "data", "__getitem__", "chunk", "split", "select", "narrow",
})  # fmt: skip


class RepeatedSoftmax(Rule):
    """A softmax, sigmoid or logarithm is applied to what has been through one already.

    ## What it does
    Reports a softmax of a softmax, the logarithm of a softmax or sigmoid, and losses that apply one themselves and get
    its result: `F.cross_entropy` of a softmax or sigmoid, `F.binary_cross_entropy_with_logits` of a sigmoid; also losses that
    expect log-probabilities and get probabilities (`F.nll_loss`, `F.kl_div`).

    ## Why it is bad
    A second softmax flattens the distribution: with 10 classes the largest possible probability is 0.23, the loss has a
    floor that it can't go below, and gradients are small. The logarithm of a softmax is `-inf` where the softmax
    underflows.

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
    In the eval run, by following the first operand back through views and casts. Softmax along rows and then along
    columns, and `log(p + eps)`, are not reported.

    ## When to ignore it
    When the second one is meant, as a temperature of sorts.

    ## References
    - [Softmax applied twice when computing loss in LogisticRegression](https://github.com/Lightning-Universe/lightning-bolts/issues/654)
    - [Removes erroneous extra softmax](https://github.com/bowang-lab/Transformer-GCN-QA/pull/32)
    - [log_softmax and cross_entropy together](https://github.com/speedinghzl/Pytorch-Deeplab/issues/2)
    """

    id = "MI601"
    name = "repeated-softmax"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """A softmax, sigmoid or logarithm on what has been through one already."""
        graph = ReportGraph(runs.report)
        for op in runs.report.ops:
            if not op.inputs or _family(op) not in {second for _, second in _PAIRS}:
                continue
            before = _maker(graph, op.inputs[0])
            way_out = _PAIRS.get((_family(before), _family(op))) if before is not None else None
            if before is None or way_out is None or not _same_dimension(before, op):
                continue
            place = f" ({before.source.file}:{before.source.line})" if before.source is not None else ""
            yield PendingFinding(
                f"{short(op.name)} in {where(runs.report, op.module)} gets what {short(before.name)}{place} gave: {way_out}",
                op.module,
                op.source,
                about=op.name,
            )


def _family(op: Op) -> str:
    """The name of what a call computes, without its spelling."""
    name = last(op.name)
    return {"log_": "log", "sigmoid_": "sigmoid", "special_softmax": "softmax", "expit": "sigmoid"}.get(name, name)


def _maker(graph: ReportGraph, operand: Operand) -> Op | None:
    """The op that computed an operand, behind those that only pass it on."""
    maker = graph.producer(operand)
    while maker is not None and last(maker.name) in _PASSES_ON and maker.inputs:
        maker = graph.producer(maker.inputs[0])
    return maker


def _same_dimension(before: Op, op: Op) -> bool:
    """Whether both normalise along dimensions of one size; a softmax along rows and then along columns is no repetition."""
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
