"""MI104."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_module, is_unregistered_weight, unregistered_tensor, without_indices
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Operand, Source, Unregistered, base_name, index_of, short_name

_TAKES_SHAPE_ALONE = frozenset({"expand_as", "view_as", "reshape_as", "resize_as_", "sum_to_size"})
_TAKES_FROM_ANYWHERE = frozenset({"copy_", "set_", "tensor", "as_tensor", "asarray"})
_MOVES = frozenset({"cuda", "cpu", "xpu", "mps", "type_as"})
_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "npu", "hpu", "xla", "mtia")


class UnregisteredConstant(Rule):
    """A constant tensor is not registered as a buffer.

    ## What it does
    Checks for tensors that `forward` takes from an attribute, list, global, closure or default argument, that are
    neither parameters nor buffers, and that are combined with other tensors without being moved first.

    ## Why it is bad
    `model.to("cuda")` leaves the tensor on the CPU, and the forward raises. `model.to(torch.bfloat16)` leaves it in
    float32, which silently promotes the results. `state_dict()` doesn't save it.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])

        def forward(self, x):
            return self.fc(x) * self.scale
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0]))

        def forward(self, x):
            return self.fc(x) * self.scale
    ```

    `register_buffer(..., persistent=False)` moves it with the model but doesn't save it.

    ## How it is found
    In the eval run, by where each op's operands come from. Not reported: scalars, which combine with tensors on any
    device; constants that `forward` moves to the input's device (`self.scale.to(x)`); constants that an override of
    `_apply` moves; and constants of which only the shape is used.

    ## When to ignore it
    If the model never leaves the CPU and the constant can be rebuilt from the constructor's arguments.

    ## References
    - [How to convert a tensor created in __init__() to the same device as the model](https://github.com/Lightning-AI/pytorch-lightning/issues/1978)
    - [Tensor is not moved to the expected device](https://github.com/Lightning-AI/pytorch-lightning/issues/3674)
    - [Buffers not registered properly and hence not moved with the model](https://github.com/styalai/xLSTM-pytorch/issues/2)
    - [Buffers kept in a dictionary, too, stay where they were](https://github.com/pytorch/pytorch/issues/43815)
    """

    id = "MI104"
    name = "unregistered-constant"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Constants that are combined with other tensors without being moved first."""
        graph = ReportGraph(runs.report)
        unmoved = _UnmovedConstants(graph)
        if any(_is_constant(entry) for entry in runs.report.unregistered):
            unmoved.moved_by_hand = runs.moved_by_hand()
        for op in runs.report.ops:
            for operand, indices in unmoved.met_by(op):
                if _needs_it_here(graph, op, operand):
                    yield from (_finding(graph, index, op.module, op.source, short_name(op.name)) for index in sorted(indices))
        for output in runs.report.outputs:
            at = _source_of(graph, output.origin)
            yield from (_finding(graph, index, "", at, "the output") for index in sorted(unmoved.constants(output.origin)))


def _is_constant(entry: Unregistered) -> bool:
    """Whether it is a tensor with dimensions; scalars combine with tensors on any device."""
    return entry.kind == "tensor" and entry.role != "weight" and entry.class_name != "Parameter" and entry.shape != ()


class _UnmovedConstants:
    """Which values depend only on constants and have not been moved."""

    def __init__(self, graph: ReportGraph) -> None:
        self.moved_by_hand = frozenset[str]()
        self._graph = graph
        self._made: dict[int, frozenset[int]] = {}
        self._moved: dict[str | None, int] = {}

    def constants(self, origin: str | None) -> frozenset[int]:
        """The indices of the unregistered constants that a value depends on, if it depends on nothing else."""
        entry, index = self._graph.unregistered(origin), index_of(origin, "unregistered")
        if entry is None or index is None:
            producer = index_of(origin, "op")
            return self._made.get(producer, frozenset()) if producer is not None else frozenset()
        return frozenset({index}) if _is_constant(entry) and entry.name not in self.moved_by_hand else frozenset()

    def met_by(self, op: Op) -> Iterator[tuple[Operand, frozenset[int]]]:
        """The constant operands of an op that has other operands too. Must be called for each op, in order."""
        found = [(operand, self._here(op, operand)) for operand in op.inputs]
        if (
            op.kind in ("read", "create")
            or base_name(op.name) in _TAKES_FROM_ANYWHERE
            or not any(indices for _, indices in found)
        ):
            return
        if _moves(op):
            self._move(op)
        elif all(indices for _, indices in found):
            self._made[op.index] = frozenset[int]().union(*(indices for _, indices in found))
        else:
            yield from ((operand, indices) for operand, indices in found if indices)

    def _here(self, op: Op, operand: Operand) -> frozenset[int]:
        return self.constants(operand.origin) if op.index >= self._moved.get(operand.origin, 0) else frozenset()

    def _move(self, op: Op) -> None:
        """A move may return its operand itself: that counts as moved until the call that moves it ends."""
        call = self._graph.call_of(op)
        origin = op.inputs[0].origin
        self._moved[origin] = max(self._moved.get(origin, 0), call.stop if call is not None else 0)


def _needs_it_here(graph: ReportGraph, op: Op, operand: Operand) -> bool:
    """Whether an op needs the values of an operand on its own device. MI103 reports weights."""
    if operand.shape == () or (base_name(op.name) in _TAKES_SHAPE_ALONE and operand is not op.inputs[0]):
        return False
    entry = unregistered_tensor(graph, operand)
    return entry is None or not is_unregistered_weight(graph, op, operand, entry)


def _moves(op: Op) -> bool:
    """Whether an op moves its operand to a given device: ``c.to(x.device)``, ``c.type_as(x)``."""
    if base_name(op.name) in _MOVES:
        return True
    if base_name(op.name) != "to":
        return False
    named = any(isinstance(value, str) and value.startswith(_DEVICES) for value in op.arguments.values())
    return named or len(op.inputs) > 1


def _source_of(graph: ReportGraph, origin: str | None) -> Source | None:
    index = index_of(origin, "op")
    return graph.report.ops[index].source if index is not None else None


def _finding(graph: ReportGraph, index: int, module: str, source: Source | None, user: str) -> PendingFinding:
    entry = graph.report.unregistered[index]
    shape = "×".join(str(size) for size in entry.shape or ())
    return PendingFinding(
        f"{user} in {describe_module(graph.report, module)} uses the {entry.role} {entry.name} ({shape}), which is not a "
        "buffer: .to() doesn't move it and state_dict() doesn't save it. Use register_buffer() in __init__ "
        "(persistent=False if it need not be saved)",
        module,
        source,
        about=without_indices(entry.name, module),
    )
