"""MI103."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import (
    ReportGraph,
    is_unregistered_weight,
    is_used_as_weight,
    op_pairs,
    short,
    unregistered_tensor,
    where,
    without_indices,
)
from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided
from modinspect.report import Op, Operand


class UnregisteredWeight(Rule):
    """A weight is a tensor that is neither parameter nor buffer.

    ## What it does
    Reports an operand that stands where a weight stands (the weight of `F.linear`, a convolution, an embedding or a
    norm, or the operand of a matmul whose other operand depends on the input) and that is a plain tensor: an attribute,
    a global, a closure, or made in `forward`, of random numbers or not. An `nn.Parameter` that nothing registers, in a
    list say, is reported anywhere.

    ## Why it is bad
    No optimizer trains it and no `state_dict` saves it. If `forward` draws it from random numbers, the model computes
    another function at each call; if `__init__` does, a model loaded from a checkpoint is another than the one that was
    saved.

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

    A weight that is not to be trained (a fixed filter, a random projection) is a buffer:
    `self.register_buffer("weight", ...)`.

    ## How it is found
    In the eval run each tensor is followed from where it comes. A weight that depends on no input, parameter or buffer
    is reported at the call that uses it. Square matrices that mix positions (`tril(ones(T, T)) @ x`) are helpers, not
    weights.

    ## When to ignore it
    When the matrix is made of constants in `forward` on purpose, is cheap to make and always the same.

    ## References
    - [Parameters created at each forward, so that their values are lost](https://github.com/leaderj1001/Stand-Alone-Self-Attention/issues/2)
    - [Parameters kept in a list: optimizer got an empty parameter list](https://github.com/dbgannon/NNets-and-Diffeqns/issues/1)
    - [A parameter that .cuda() turned into a plain tensor](https://github.com/KaiyangZhou/pytorch-center-loss/issues/23)
    """

    id = "MI103"
    name = "unregistered-weight"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Operands that stand where a weight stands, and parameters anywhere, that nothing registers."""
        graph = ReportGraph(runs.report)
        for op in runs.report.ops:
            for position, operand in enumerate(op.inputs):
                what = _made(runs, graph, op, position)
                if what is not None:
                    about = f"{op.name} {without_indices(what, op.module)}"
                    yield PendingFinding(_message(graph, op, operand, what), op.module, op.source, about)


def _made(runs: Runs, graph: ReportGraph, op: Op, position: int) -> str | None:
    """What a weight is that nothing registers, in words; ``None`` for any other operand."""
    operand = op.inputs[position]
    entry = unregistered_tensor(graph, operand)
    if entry is not None and is_unregistered_weight(graph, op, operand, entry):
        if entry.role != "weight":
            return f"the {entry.role} {entry.name}"
        return None if _follows_the_batch(runs, op, position) else f"made in forward ({short(entry.name)})"
    if operand.origin is None and is_used_as_weight(graph, op, operand) and not graph.by_torch(op):
        return "made where nothing registers it"
    return None


def _follows_the_batch(runs: Runs, op: Op, position: int) -> bool:
    """Whether an operand is larger for a larger batch, as an initial state is, and a weight is not."""
    try:
        larger = runs.batch(2 * runs.batch_size())
    except Undecided:
        return False
    twin = next((twin for before, twin in op_pairs(runs.report, larger) if before.index == op.index), None)
    return twin is not None and position < len(twin.inputs) and twin.inputs[position].shape != op.inputs[position].shape


def _message(graph: ReportGraph, op: Op, operand: Operand, made: str) -> str:
    shape = "×".join(str(size) for size in operand.shape or ())
    name = operand.argument if "weight" in operand.argument else "operand"
    return (
        f"the {name} of {short(op.name)} in {where(graph.report, op.module)}, {shape}, is {made}: no parameter and no "
        "buffer, so that no optimizer trains it and no state_dict saves it. Make it an nn.Parameter in __init__, or "
        "register_buffer() if it is fixed"
    )
