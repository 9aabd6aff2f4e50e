"""The op that failed, with what its sentences need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modinspect.report import Op, Operand, Output, Shape, base_name, short_name
from modinspect.trace.explain.failed_line import FailedLine


@dataclass(frozen=True)
class FailedCall:
    """An op that failed.

    Attributes:
        op: the op.
        message: what the exception said.
        before: the ops that ran before.
        device: the model's device.
        index_ranges: lowest and highest value of operands that are indices, by position; only for errors about indices.
        line: the line of code.
    """

    op: Op
    message: str
    before: Sequence[Op]
    device: str = "cpu"
    index_ranges: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    line: FailedLine | None = None

    @property
    def operands(self) -> dict[str, Operand]:
        """The operands by argument."""
        return {operand.argument: operand for operand in self.op.inputs}

    @property
    def function(self) -> str:
        """The function, with the module that called it: ``in fc, F.linear``."""
        return f"{_in_module(self.op)}{function_text(self.op.name)}"

    @property
    def last(self) -> str:
        """The last part of the function's name: ``linear``."""
        return base_name(self.op.name)

    @property
    def layer(self) -> str:
        """The path of the module that called the function; at the root, the function."""
        return self.op.module or function_text(self.op.name)

    def source_of(self, operand: Operand | Output) -> str:
        """`` from view at model.py:31``."""
        return came_from(self._origin(operand), self.before)

    def describe(self, operand: Operand) -> str:
        """``(1, 5) from view at model.py:31``."""
        return f"{tuple_text(operand.shape)}{self.source_of(operand)}"

    def out_of_range(self, operand: Operand, size: int) -> int | None:
        """An index in ``operand`` that is not below ``size``, or is negative, if its values are known."""
        position = next((index for index, other in enumerate(self.op.inputs) if other is operand), -1)
        low, high = self.index_ranges.get(position, (0, 0))
        return high if high >= size else low if low < 0 else None

    def operand_text(self, position: int) -> str | None:
        """The code of an operand, if the line itself calls the function."""
        line = self.line
        if line is None or line.callee != self.last.strip("_") or position >= len(line.operands):
            return None
        return line.operands[position]

    def _origin(self, operand: Operand | Output) -> str | None:
        """Where an operand comes from; views that the layer itself made of its input are followed back."""
        origin = operand.origin
        while not self.op.hidden:
            kind, _, index = (origin or "").partition(":")
            maker = self.before[int(index)] if kind == "op" and int(index) < len(self.before) else None
            own = maker is not None and (maker.module, maker.call) == (self.op.module, self.op.call)
            if maker is None or not own or maker.kind != "view" or not maker.inputs:
                break
            origin = maker.inputs[0].origin
        return origin


def came_from(origin: str | None, before: Sequence[Op]) -> str:
    """`` from view at model.py:31``; empty if the origin is unknown."""
    text = origin_text(origin, before)
    return f" from {text}" if text else ""


def origin_text(origin: str | None, before: Sequence[Op]) -> str:
    """``view at model.py:31``, ``the input`` or ``fc.weight``."""
    kind, _, rest = (origin or "").partition(":")
    if kind == "op" and int(rest) < len(before):
        op = before[int(rest)]
        maker = f"{op.module} ({function_text(op.name)})" if not op.hidden and op.module else function_text(op.name)
        return f"{maker} at {op.source.file}:{op.source.line}" if op.source is not None else maker
    if kind == "input":
        return "the input"
    return rest if kind in ("param", "buffer") else ""


def _in_module(op: Op) -> str:
    return f"in {op.module}, " if op.module else ""


def function_text(name: str) -> str:
    """A function's name in a sentence: ``F.linear``, ``transpose``, ``indexing``."""
    return "indexing" if base_name(name) == "__getitem__" else short_name(name).removeprefix("Tensor.")


def tuple_text(shape: Shape | None) -> str:
    """A shape as Python writes it."""
    if shape is None:
        return "(?)"
    inside = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
