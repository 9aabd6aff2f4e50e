"""MI403."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import describe_op, first_op, op_pairs, output_pairs, rank
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Report

_SHAPING = frozenset({"view", "reshape", "expand", "broadcast_to", "unflatten", "as_strided", "resize_"})


class BatchSizeFixed(Rule):
    """The forward only works for the given batch size.

    ## What it does
    Runs the model on twice the batch and on one sample, and checks for a forward that raises or returns a different
    number of dimensions.

    ## Why it is bad
    The last batch of an epoch is smaller, serving wants one sample, and throughput wants many. A batch size hard-coded
    in `view`, `expand` or an initial state passes the first test and fails later.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            x = self.fc(x)
            return self.head(x.view(2, -1))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            x = self.fc(x)
            return self.head(x.view(x.shape[0], -1))
    ```

    ## How it is found
    Eval runs with other batch sizes. The reported line is the call that returns the original batch size whatever it
    gets (`view(2, -1)`), or the line that raises. If the batch dimension can't be determined, the rule is not decided.

    ## When to ignore it
    If the model handles one sample at a time by design, as some detectors and streaming models do.

    ## References
    - [Only a batch size of 1 at inference](https://github.com/Panxjia/SPA_CVPR2021/issues/4)
    - [Do not hard-code batch size into model](https://github.com/ika-rwth-aachen/EviLOG/pull/11)
    - [The batch size supports only 1, as the first sample is selected](https://github.com/ShoufaChen/DiffusionDet/issues/78)
    """

    id = "MI403"
    name = "batch-size-fixed"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """A forward that raises or gives another rank for twice the batch, or that raises for one sample."""
        size = runs.batch_size()
        given = runs.report
        for other in (2 * size, *((1,) if size > 1 else ())):
            report = runs.batch(other)
            finding = (
                _raises(report, given, size, other) if report.error is not None else _changes_rank(report, given, size, other)
            )
            if finding is not None:
                yield finding
                return


def _raises(report: Report, given: Report, size: int, other: int) -> PendingFinding | None:
    error = report.error
    assert error is not None
    if other == 1 and first_op(report, given, _has_fewer_dimensions) is not None:
        return None  # MI401 says so
    message = (error.message.strip().splitlines() or [""])[0].rstrip(".")
    raised = f"{error.type}: {message}" if message else error.type
    begins = f"with a batch of {other} instead of {size}, forward raises {raised}"
    pin = next((op for op, before in op_pairs(report, given) if _pins(op, before, size)), None)
    if pin is not None:
        return PendingFinding(
            f"{begins}: {describe_op(given, pin)} always returns a batch of {size}. Use x.shape[0] or -1 instead",
            pin.module,
            pin.source,
        )
    return PendingFinding(f"{begins}. Take the batch size from the input, as in x.shape[0]", error.module, error.source)


def _changes_rank(report: Report, given: Report, size: int, other: int) -> PendingFinding | None:
    """Another rank of an output, unless by a ``squeeze()`` of all dimensions, which is MI401's."""
    if not any(rank(a.shape) != rank(b.shape) for a, b in output_pairs(report, given)):
        return None
    cause = first_op(report, given, _has_other_rank)
    if cause is None or ("squeeze" in cause.name and cause.arguments.get("dim") is None):
        return None
    return PendingFinding(
        f"with a batch of {other} instead of {size}, {describe_op(given, cause)} returns a different number of dimensions. "
        "Keep the batch dimension",
        cause.module,
        cause.source,
    )


def _pins(op: Op, before: Op, size: int) -> bool:
    """Whether an op gives the batch size of the given inputs, whatever it gets."""
    if op.name.rpartition(".")[2] not in _SHAPING or not op.inputs or not op.outputs:
        return False
    shape, shape_before = op.outputs[0].shape, before.outputs[0].shape
    changed = op.inputs[0].shape != before.inputs[0].shape
    return changed and bool(shape) and bool(shape_before) and shape[0] == size == shape_before[0]  # type: ignore[index]


def _has_fewer_dimensions(op: Op, before: Op) -> bool:
    return any(rank(a.shape) < rank(b.shape) for a, b in zip(op.outputs, before.outputs, strict=False))


def _has_other_rank(op: Op, before: Op) -> bool:
    return any(rank(a.shape) != rank(b.shape) for a, b in zip(op.outputs, before.outputs, strict=False))
