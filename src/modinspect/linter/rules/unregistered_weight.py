"""MI103."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import (
    ReportGraph,
    describe_op,
    is_unregistered_weight,
    is_used_as_weight,
    op_pairs,
    unregistered_tensor,
    without_indices,
)
from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided
from modinspect.report import Op, Operand, short_name


class UnregisteredWeight(Rule):
    """A weight is neither a parameter nor a buffer.

    ## What it does
    Checks for plain tensors used as a weight: the weight argument of `F.linear`, a convolution, an embedding or a norm,
    or one factor of a matmul whose other factor depends on the input. The tensor may be an attribute, a global, a
    closure variable, or created in `forward`. An `nn.Parameter` that is not registered (in a list, for example) is
    reported wherever it is used.

    ## Why it is bad
    No optimizer trains the tensor and no `state_dict` saves it. If `forward` draws it at random, every call computes a
    different function. If `__init__` does, a model loaded from a checkpoint differs from the one that was saved.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 5)

        def forward(self, x):
            return F.linear(self.fc(x), torch.rand(3, 5))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 5)
            self.weight = nn.Parameter(torch.rand(3, 5))

        def forward(self, x):
            return F.linear(self.fc(x), self.weight)
    ```

    If the weight is not trained (a fixed filter, a random projection), use `self.register_buffer("weight", ...)`.

    ## How it is found
    The eval run tracks where each tensor comes from. A weight that depends on no input, parameter or buffer is reported
    at the call that uses it. Square matrices that mix positions (`tril(ones(T, T)) @ x`) are masks, not weights.

    ## When to ignore it
    If the tensor is built from constants on purpose, cheap to build, and the same each time.

    ## References
    - [Parameters created at each forward, so that their values are lost](https://github.com/leaderj1001/Stand-Alone-Self-Attention/issues/2)
    - [Parameters kept in a list: optimizer got an empty parameter list](https://github.com/dbgannon/NNets-and-Diffeqns/issues/1)
    - [A parameter that .cuda() turned into a plain tensor](https://github.com/KaiyangZhou/pytorch-center-loss/issues/23)
    """

    id = "MI103"
    name = "unregistered-weight"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Unregistered operands used as weights, and unregistered parameters."""
        graph = ReportGraph(runs.report)
        for op in runs.report.ops:
            for position, operand in enumerate(op.inputs):
                what = _unregistered_weight(runs, graph, op, position)
                if what is not None:
                    about = f"{op.name} {without_indices(what, op.module)}"
                    yield PendingFinding(_message(graph, op, operand, what), op.module, op.source, about)


def _unregistered_weight(runs: Runs, graph: ReportGraph, op: Op, position: int) -> str | None:
    """An unregistered weight in words; ``None`` for any other operand."""
    operand = op.inputs[position]
    entry = unregistered_tensor(graph, operand)
    if entry is not None and is_unregistered_weight(graph, op, operand, entry):
        if entry.role != "weight":
            return f"the {entry.role} {entry.name}"
        return None if _follows_the_batch(runs, op, position) else f"created in forward ({short_name(entry.name)})"
    if operand.origin is None and is_used_as_weight(graph, op, operand) and not graph.by_torch(op):
        return "of unknown origin"
    return None


def _follows_the_batch(runs: Runs, op: Op, position: int) -> bool:
    """Whether an operand grows with the batch, as an initial state does and a weight does not."""
    try:
        larger = runs.batch(2 * runs.batch_size())
    except Undecided:
        return False
    twin = next((twin for before, twin in op_pairs(runs.report, larger) if before.index == op.index), None)
    return twin is not None and position < len(twin.inputs) and twin.inputs[position].shape != op.inputs[position].shape


def _message(graph: ReportGraph, op: Op, operand: Operand, what: str) -> str:
    shape = "×".join(str(size) for size in operand.shape or ())
    name = operand.argument if "weight" in operand.argument else "operand"
    return (
        f"the {name} of {describe_op(graph.report, op)}, {shape}, is {what}, not a parameter or buffer: no optimizer trains it "
        "and no state_dict saves it. Make it an nn.Parameter in __init__, or a buffer if it is fixed"
    )
