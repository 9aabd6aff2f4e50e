"""MI104."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import (
    ReportGraph,
    is_unregistered_weight,
    last,
    short,
    unregistered_tensor,
    where,
    without_indices,
)
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, Operand, Source, Unregistered, index_of

_TAKES_SHAPE_ALONE = frozenset({"expand_as", "view_as", "reshape_as", "resize_as_", "sum_to_size"})
_TAKES_FROM_ANYWHERE = frozenset({"copy_", "set_", "tensor", "as_tensor", "asarray"})
_MOVES = frozenset({"cuda", "cpu", "xpu", "mps", "type_as"})
_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "npu", "hpu", "xla", "mtia")


class UnregisteredConstant(Rule):
    """A constant tensor of an attribute or a global is no buffer.

    ## What it does
    Reports a tensor with dimensions that `forward` takes from an attribute, a list, a global or a closure, that is no
    parameter and no buffer, and that meets other tensors where it was made.

    ## Why it is bad
    `model.to("cuda")` leaves it on the CPU, so that the forward raises there; `model.to(torch.bfloat16)` leaves it in
    float32, so that it silently widens what it meets; and `state_dict()` does not save it.

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

    `register_buffer(..., persistent=False)` moves it with the model without saving it.

    ## How it is found
    In the eval run, by where the operands of each op come from. Not reported are scalars, which may meet tensors of any
    device; constants that `forward` moves to where the input is (`self.scale.to(x)`); those that an override of
    `_apply` moves; and those of which only the shape is used.

    ## When to ignore it
    When the model never leaves the CPU and the constant can be made again from the constructor's arguments.

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
        """Constants that meet other tensors as they are, without a move to where those are."""
        graph = ReportGraph(runs.report)
        bare = _UnmovedConstants(graph)
        if any(_is_constant(entry) for entry in runs.report.unregistered):
            bare.moved_by_hand = runs.moved_by_hand()
        for op in runs.report.ops:
            for operand, places in bare.met_by(op):
                if _needs_it_here(graph, op, operand):
                    yield from (_finding(graph, place, op.module, op.source, short(op.name)) for place in sorted(places))
        for output in runs.report.outputs:
            at = _source_of(graph, output.origin)
            yield from (_finding(graph, place, "", at, "the output") for place in sorted(bare.constants(output.origin)))


def _is_constant(entry: Unregistered) -> bool:
    """Whether it is a tensor with dimensions that somebody holds; a scalar may meet tensors of any device."""
    return entry.kind == "tensor" and entry.role != "weight" and entry.class_name != "Parameter" and entry.shape != ()


class _UnmovedConstants:
    """Which values are made of constants alone, and are still where those were made."""

    def __init__(self, graph: ReportGraph) -> None:
        self.moved_by_hand = frozenset[str]()
        self._reading = graph
        self._made: dict[int, frozenset[int]] = {}
        self._moved: dict[str | None, int] = {}

    def constants(self, origin: str | None) -> frozenset[int]:
        """The places of the unregistered constants that a value is made of, if of nothing else."""
        entry, place = self._reading.unregistered(origin), index_of(origin, "unregistered")
        if entry is None or place is None:
            producer = index_of(origin, "op")
            return self._made.get(producer, frozenset()) if producer is not None else frozenset()
        return frozenset({place}) if _is_constant(entry) and entry.name not in self.moved_by_hand else frozenset()

    def met_by(self, op: Op) -> Iterator[tuple[Operand, frozenset[int]]]:
        """The operands of an op that are constants where others are not; to be asked op by op, in order."""
        found = [(operand, self._here(op, operand)) for operand in op.inputs]
        if op.kind in ("read", "create") or last(op.name) in _TAKES_FROM_ANYWHERE or not any(places for _, places in found):
            return
        if _moves(op):
            self._move(op)
        elif all(places for _, places in found):
            self._made[op.index] = frozenset[int]().union(*(places for _, places in found))
        else:
            yield from ((operand, places) for operand, places in found if places)

    def _here(self, op: Op, operand: Operand) -> frozenset[int]:
        return self.constants(operand.origin) if op.index >= self._moved.get(operand.origin, 0) else frozenset()

    def _move(self, op: Op) -> None:
        """A move that has nothing to do gives its operand back: until the call that asked for it ends, it counts as moved."""
        call = self._reading.call_of(op)
        origin = op.inputs[0].origin
        self._moved[origin] = max(self._moved.get(origin, 0), call.stop if call is not None else 0)


def _needs_it_here(graph: ReportGraph, op: Op, operand: Operand) -> bool:
    """Whether an op takes the values of an operand, which have to be where those of the others are. A weight is MI103's."""
    if operand.shape == () or (last(op.name) in _TAKES_SHAPE_ALONE and operand is not op.inputs[0]):
        return False
    entry = unregistered_tensor(graph, operand)
    return entry is None or not is_unregistered_weight(graph, op, operand, entry)


def _moves(op: Op) -> bool:
    """Whether an op takes its operand to a device that it is told: ``c.to(x.device)``, ``c.type_as(x)``."""
    if last(op.name) in _MOVES:
        return True
    if last(op.name) != "to":
        return False
    named = any(isinstance(value, str) and value.startswith(_DEVICES) for value in op.arguments.values())
    return named or len(op.inputs) > 1


def _source_of(graph: ReportGraph, origin: str | None) -> Source | None:
    index = index_of(origin, "op")
    return graph.report.ops[index].source if index is not None else None


def _finding(graph: ReportGraph, place: int, module: str, source: Source | None, user: str) -> PendingFinding:
    entry = graph.report.unregistered[place]
    shape = "×".join(str(size) for size in entry.shape or ())
    return PendingFinding(
        f"{user} in {where(graph.report, module)} uses the {entry.role} {entry.name} ({shape}), which is no "
        "buffer: .to() leaves it where it is, and state_dict() does not save it. Use register_buffer() in __init__ "
        "(persistent=False if it need not be saved)",
        module,
        source,
        about=without_indices(entry.name, module),
    )
