"""A failed call in words: what the layer expects, what it got, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modinspect.report import Literals, Op, Operand, Shape

_SHORT = {"torch.nn.functional.": "F.", "torch.Tensor.": ""}


def explain(op: Op, before: Sequence[Op]) -> str | None:
    """One sentence for a plain mismatch of shapes or dtypes, ``None`` where that is not what failed.

    ``before`` are the ops that ran, to say where an operand comes from.
    """
    failed = _Failed(op, before)
    for say in (_linear, _convolution, _matmul, _norm, _embedding, _broadcast, _concatenation, _dtypes):
        sentence = say(failed)
        if sentence is not None:
            return sentence
    return None


@dataclass(frozen=True)
class _Failed:
    """The op that failed, and those before it."""

    op: Op
    before: Sequence[Op]

    @property
    def operands(self) -> dict[str, Operand]:
        """The operands by argument."""
        return {operand.argument: operand for operand in self.op.inputs}

    @property
    def what(self) -> str:
        """The function, with the module that it failed in."""
        return f"{_in(self.op)}{_short(self.op.name)}"

    def came(self, operand: Operand) -> str:
        """`` from view at model.py:31``."""
        return _from(operand, self.before)

    @property
    def who(self) -> str:
        """Whom to name: the module, else the function."""
        return self.op.module or _short(self.op.name)


def _linear(failed: _Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if not failed.op.name.endswith(".linear") or x is None or weight is None or not x.shape or not weight.shape:
        return None
    if x.shape[-1] == weight.shape[-1]:
        return None
    return f"{failed.who} expects {weight.shape[-1]} features, got {x.shape[-1]}{failed.came(x)}"


def _convolution(failed: _Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if ".conv" not in failed.op.name or x is None or weight is None or x.shape is None or weight.shape is None:
        return None
    dims = len(weight.shape) - 2
    if len(x.shape) not in (dims + 1, dims + 2):
        wanted = "(N, C, " + ", ".join(["L", "H, W", "D, H, W"][dims - 1 : dims]) + ")"
        return f"{failed.who} expects {dims + 2} dimensions {wanted}, got {len(x.shape)}: {_tuple(x.shape)}{failed.came(x)}"
    groups = failed.op.arguments.get("groups", 1)
    transposed = "transpose" in failed.op.name
    expected = weight.shape[0] if transposed else (weight.shape[1] or 0) * (groups if isinstance(groups, int) else 1)
    got = x.shape[-dims - 1]
    if got == expected:
        return None
    return f"{failed.who} expects {expected} channels, got {got}{failed.came(x)}"


def _matmul(failed: _Failed) -> str | None:
    name = failed.op.name.rpartition(".")[2]
    if name not in ("matmul", "mm", "bmm", "__matmul__", "__rmatmul__") or len(failed.op.inputs) < 2:
        return None
    a, b = failed.op.inputs[:2]
    if not a.shape or not b.shape:
        return None
    rows = b.shape[-2] if len(b.shape) > 1 else b.shape[0]
    if a.shape[-1] == rows:
        if a.dtype == b.dtype:
            return None
        dtypes = f"{a.dtype}{failed.came(a)} and {b.dtype}{failed.came(b)}"
        return f"{failed.what} of {dtypes}: both must be of one dtype"
    return (
        f"{failed.what} of {_tuple(a.shape)}{failed.came(a)} and {_tuple(b.shape)}{failed.came(b)}: "
        f"the last dimension of the first, {a.shape[-1]}, must be {rows}"
    )


def _norm(failed: _Failed) -> str | None:
    x = failed.operands.get("input")
    if not failed.op.name.endswith("_norm") or x is None or not x.shape:
        return None
    wanted = failed.op.arguments.get("normalized_shape")
    if isinstance(wanted, list) and list(x.shape[-len(wanted) :]) != wanted:
        return f"{failed.who} expects the last dimensions {_tuple(tuple(wanted))}, got {_tuple(x.shape)}{failed.came(x)}"
    for name in ("running_mean", "weight"):
        given = failed.operands.get(name)
        per_channel = given is not None and given.shape is not None and len(given.shape) == 1 and wanted is None
        if per_channel and given is not None and given.shape is not None and len(x.shape) > 1 and x.shape[1] != given.shape[0]:
            return f"{failed.who} expects {given.shape[0]} channels, got {x.shape[1]}{failed.came(x)}"
    return None


def _embedding(failed: _Failed) -> str | None:
    ids, weight = failed.operands.get("input"), failed.operands.get("weight")
    if not failed.op.name.endswith(".embedding") or ids is None or weight is None or not weight.shape:
        return None
    if ids.dtype not in ("int64", "int32"):
        return f"{failed.who} expects indices (int64 or int32), got {ids.dtype}{failed.came(ids)}"
    rows = weight.shape[0] or 0
    return f"{failed.who} has {rows} rows, so indices must be from 0 to {rows - 1}; got others{failed.came(ids)}"


def _broadcast(failed: _Failed) -> str | None:
    name = failed.op.name.rpartition(".")[2].strip("_").removeprefix("r").removeprefix("i")
    if name not in (
        "add",
        "sub",
        "mul",
        "div",
        "truediv",
        "pow",
        "eq",
        "lt",
        "gt",
        "le",
        "ge",
        "ne",
        "maximum",
        "minimum",
        "where",
    ):
        return None
    if len(failed.op.inputs) < 2:
        return None
    a, b = failed.op.inputs[0], failed.op.inputs[1]
    for back, (m, n) in enumerate(zip(reversed(a.shape or ()), reversed(b.shape or ()), strict=False), start=1):
        if m != n and 1 not in (m, n):
            return (
                f"{failed.what} can't broadcast {_tuple(a.shape)}{failed.came(a)} with "
                f"{_tuple(b.shape)}{failed.came(b)}: {m} and {n} differ in dimension {-back}"
            )
    return None


def _concatenation(failed: _Failed) -> str | None:
    if failed.op.name.rpartition(".")[2] not in ("cat", "concat", "concatenate", "stack") or len(failed.op.inputs) < 2:
        return None
    first = failed.op.inputs[0]
    along = failed.op.arguments.get("dim") if "cat" in failed.op.name else None
    for other in failed.op.inputs[1:]:
        if _without(other.shape, along) != _without(first.shape, along):
            where = f" along dimension {failed.op.arguments['dim']}" if "dim" in failed.op.arguments else ""
            return (
                f"{failed.what}{where} can't join {_tuple(first.shape)}{failed.came(first)} and "
                f"{_tuple(other.shape)}{failed.came(other)}"
            )
    return None


def _without(shape: Shape | None, dim: Literals) -> Shape | None:
    """``shape`` but for one dimension."""
    if shape is None or not isinstance(dim, int) or not -len(shape) <= dim < len(shape):
        return shape
    dim %= len(shape)
    return (*shape[:dim], *shape[dim + 1 :])


def _dtypes(failed: _Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if x is None or weight is None or x.dtype == weight.dtype or failed.op.name.endswith("embedding"):
        return None
    return f"{failed.who} has {weight.dtype} weights, got {x.dtype}{failed.came(x)}"


def _from(operand: Operand, before: Sequence[Op]) -> str:
    """`` from view at model.py:31``."""
    kind, _, rest = (operand.origin or "").partition(":")
    if kind == "op" and int(rest) < len(before):
        op = before[int(rest)]
        maker = f"{op.module} ({_short(op.name)})" if not op.hidden and op.module else _short(op.name)
        return f" from {maker} at {op.source.file}:{op.source.line}" if op.source is not None else f" from {maker}"
    if kind == "input":
        return " from the input"
    return f" from {rest}" if kind in ("param", "buffer") else ""


def _in(op: Op) -> str:
    return f"in {op.module}, " if op.module else ""


def _short(name: str) -> str:
    for long, short in _SHORT.items():
        name = name.replace(long, short)
    return name


def _tuple(shape: Shape | None) -> str:
    if shape is None:
        return "(?)"
    inside = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
