"""The call that failed, as the sentences on it see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modinspect.report import Op, Operand, Output, Shape, base_name, short_name


@dataclass(frozen=True)
class Failed:
    """The op that failed, what it said, and the ops before it."""

    op: Op
    message: str
    before: Sequence[Op]

    @property
    def operands(self) -> dict[str, Operand]:
        """The operands by argument."""
        return {operand.argument: operand for operand in self.op.inputs}

    @property
    def what(self) -> str:
        """The function, with the module that it failed in."""
        return f"{_inside(self.op)}{op_in_words(self.op.name)}"

    @property
    def last(self) -> str:
        """The last part of the function's name: ``linear``."""
        return self.op.name.rpartition(".")[2]

    def came(self, operand: Operand | Output) -> str:
        """`` from view at model.py:31``."""
        return came_from(operand.origin, self.before)

    def tell(self, operand: Operand) -> str:
        """``(1, 5) from view at model.py:31``."""
        return f"{tuple_text(operand.shape)}{self.came(operand)}"

    @property
    def who(self) -> str:
        """Whom to name: the module, else the function."""
        return self.op.module or op_in_words(self.op.name)


def came_from(origin: str | None, before: Sequence[Op]) -> str:
    """`` from view at model.py:31``."""
    kind, _, rest = (origin or "").partition(":")
    if kind == "op" and int(rest) < len(before):
        op = before[int(rest)]
        maker = f"{op.module} ({op_in_words(op.name)})" if not op.hidden and op.module else op_in_words(op.name)
        return f" from {maker} at {op.source.file}:{op.source.line}" if op.source is not None else f" from {maker}"
    if kind == "input":
        return " from the input"
    return f" from {rest}" if kind in ("param", "buffer") else ""


def _inside(op: Op) -> str:
    return f"in {op.module}, " if op.module else ""


def op_in_words(name: str) -> str:
    """The name of a function in a sentence: ``F.linear``, ``transpose``, ``indexing``."""
    return "indexing" if base_name(name) == "__getitem__" else short_name(name).removeprefix("Tensor.")


def tuple_text(shape: Shape | None) -> str:
    """A shape as Python writes it."""
    if shape is None:
        return "(?)"
    inside = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
