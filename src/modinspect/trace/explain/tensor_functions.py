"""Sentences on functions of tensors: shapes that don't match, sizes that don't fit, dimensions out of range."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

from modinspect.report import Literals, Operand, Shape
from modinspect.trace.explain.failed_call import FailedCall, tuple_text

_EXACT_DIMENSIONS = {"bmm": (3, "(B, N, M)"), "mm": (2, "(N, M)")}


def _matmul(failed: FailedCall) -> str | None:
    name = failed.last
    if name not in ("matmul", "mm", "bmm", "__matmul__", "__rmatmul__") or len(failed.op.inputs) < 2:
        return None
    a, b = failed.op.inputs[:2]
    if not a.shape or not b.shape:
        return None
    if name in _EXACT_DIMENSIONS:
        count, letters = _EXACT_DIMENSIONS[name]
        other = next((operand for operand in (a, b) if len(operand.shape or ()) != count), None)
        if other is not None:
            return f"{failed.function} expects {count} dimensions {letters}, got {failed.describe(other)}"
    rows = b.shape[-2] if len(b.shape) > 1 else b.shape[0]
    pair = f"{failed.function} can't multiply {failed.describe(a)} by {failed.describe(b)}"
    if a.shape[-1] == rows:
        if not _broadcastable(a.shape[:-2], b.shape[:-2]) or (name == "bmm" and a.shape[0] != b.shape[0]):
            return f"{pair}: their batch dimensions differ"
        return None
    columns, height = ("columns", "rows") if len(a.shape) > 1 and len(b.shape) > 1 else ("elements", "")
    return f"{pair}: {a.shape[-1]} {columns}, but {rows} {height}".rstrip() + _transposing(failed, a.shape, b.shape)


def _transposing(failed: FailedCall, a: Shape, b: Shape) -> str:
    """Advice if the second operand would fit transposed."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-1]:
        return ""
    text = failed.operand_text(1)
    return "; transpose the second" if text is None else f"; did you mean {_grouped(text)}.transpose(-2, -1)?"


def _grouped(text: str) -> str:
    return text if text.replace(".", "").replace("_", "").isalnum() else f"({text})"


_ELEMENTWISE = frozenset(
    "add sub mul div truediv pow eq lt gt le ge ne maximum minimum where masked_fill lerp mse_loss l1_loss "
    "smooth_l1_loss huber_loss and or xor logical_and logical_or atan2 fmod remainder".split()
)


def _broadcast(failed: FailedCall) -> str | None:
    if failed.last.strip("_") not in _ELEMENTWISE and failed.last.strip("_")[1:] not in _ELEMENTWISE:
        return None
    for a, b in itertools.combinations(failed.op.inputs, 2):
        for back, (m, n) in enumerate(zip(reversed(a.shape or ()), reversed(b.shape or ()), strict=False), start=1):
            if m != n and 1 not in (m, n):
                both = f"{failed.describe(a)} with {failed.describe(b)}"
                return f"{failed.function} can't broadcast {both}: {m} and {n} differ in dimension {-back}"
    first = failed.op.inputs[0] if failed.op.inputs else None
    if first is not None and first.shape is not None and failed.last.endswith("_") and not failed.last.endswith("__"):
        larger = next((other for other in failed.op.inputs[1:] if not _holds(first.shape, other.shape or ())), None)
        if larger is not None:
            return f"{failed.function} can't write {failed.describe(larger)} into {failed.describe(first)}"
    return None


def _holds(whole: Shape, part: Shape) -> bool:
    """Whether ``part`` broadcasts to ``whole`` itself."""
    return len(part) <= len(whole) and all(n in (1, m) for m, n in zip(reversed(whole), reversed(part), strict=False))


def _broadcastable(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False))


def _concatenation(failed: FailedCall) -> str | None:
    if failed.last not in ("cat", "concat", "concatenate", "stack") or len(failed.op.inputs) < 2:
        return None
    first = failed.op.inputs[0]
    along = failed.op.arguments.get("dim") if "cat" in failed.op.name else None
    for other in failed.op.inputs[1:]:
        if _without(other.shape, along) != _without(first.shape, along):
            where = f" along dimension {failed.op.arguments['dim']}" if "dim" in failed.op.arguments else ""
            return f"{failed.function}{where} can't join {failed.describe(first)} and {failed.describe(other)}"
    return None


def _without(shape: Shape | None, dim: Literals) -> Shape | None:
    """``shape`` without one dimension."""
    if shape is None or not isinstance(dim, int) or not -len(shape) <= dim < len(shape):
        return shape
    dim %= len(shape)
    return (*shape[:dim], *shape[dim + 1 :])


def _view(failed: FailedCall) -> str | None:
    sizes = _sizes(failed)
    if failed.last not in ("view", "reshape", "_unsafe_view") or sizes is None or not failed.op.inputs:
        return None
    x = failed.op.inputs[0]
    if x.shape is None or None in x.shape:
        return None
    count = math.prod(size or 0 for size in x.shape)
    wanted = math.prod(size for size in sizes if size != -1)
    change = f"{failed.function} can't change {failed.describe(x)} to {tuple_text(sizes)}"
    if -1 in sizes and (not wanted or count % wanted):
        return f"{change}: {count} elements are not divisible by {wanted}"
    if -1 not in sizes and wanted != count:
        return f"{change}: it has {count} elements, not {wanted}"
    return f"{change}: its memory is not contiguous; use reshape" if "stride" in failed.message else None


def _expand(failed: FailedCall) -> str | None:
    sizes = _sizes(failed)
    if failed.last not in ("expand", "broadcast_to") or sizes is None or not failed.op.inputs:
        return None
    x = failed.op.inputs[0]
    if x.shape is None:
        return None
    change = f"{failed.function} can't change {failed.describe(x)} to {tuple_text(sizes)}"
    if len(sizes) < len(x.shape):
        return f"{change}: it needs a size for each of the {len(x.shape)} dimensions"
    for dim, (size, wanted) in enumerate(zip(x.shape, sizes[len(sizes) - len(x.shape) :], strict=True)):
        if wanted not in (-1, size) and size != 1:
            return f"{change}: dimension {dim} has size {size}, and only size 1 expands"
    return None


def _einsum(failed: FailedCall) -> str | None:
    equation = failed.op.arguments.get("equation")
    if failed.last != "einsum" or not isinstance(equation, str) or "." in equation:
        return None
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    function = f"{failed.function} '{equation}'"
    if len(terms) != len(failed.op.inputs):
        return f"{function} expects {len(terms)} tensors, got {len(failed.op.inputs)}"
    sizes: dict[str, tuple[int | None, Operand]] = {}
    for term, operand in zip(terms, failed.op.inputs, strict=True):
        shape = operand.shape or ()
        if len(term) != len(shape):
            return f"{function}: '{term}' expects {len(term)} dimensions, got {failed.describe(operand)}"
        for letter, size in zip(term, shape, strict=True):
            before, other = sizes.setdefault(letter, (size, operand))
            if size != before and 1 not in (size, before):
                return f"{function}: {letter} is {before} in {failed.describe(other)}, but {size} in {failed.describe(operand)}"
    return None


def _dimension(failed: FailedCall) -> str | None:
    """A dimension that a tensor does not have, or the wrong number of them."""
    if not failed.op.inputs or failed.last in ("stack", "unsqueeze", "unsqueeze_", "diag_embed"):
        return None  # they take one more
    x = failed.op.inputs[0]
    if x.shape is None:
        return None
    count = len(x.shape)
    if failed.last == "permute":
        order = _sizes(failed, "dim", "dims") or ()
        wrong = order and len(order) != count
        return f"{failed.function} orders {len(order)} dimensions, got {failed.describe(x)}" if wrong else None
    for name in ("dim", "dim0", "dim1", "start_dim", "end_dim"):
        dim = failed.op.arguments.get(name)
        if isinstance(dim, int) and not isinstance(dim, bool) and count and not -count <= dim < count:
            return f"{failed.function}: dimension {dim} out of range (0–{count - 1}) for {failed.describe(x)}"
    return None


def _index(failed: FailedCall) -> str | None:
    index = failed.op.arguments.get("idx")
    if failed.last != "__getitem__" or "idx" not in failed.op.arguments or len(failed.op.inputs) != 1:
        return None
    x, given = failed.op.inputs[0], index if isinstance(index, list) else [index]
    if x.shape is None or not all(isinstance(one, int) or (isinstance(one, str) and ":" in one) for one in given):
        return None
    if len(given) > len(x.shape):
        return f"{failed.function}: {len(given)} indices for {len(x.shape)} dimensions, {failed.describe(x)}"
    for dim, (one, size) in enumerate(zip(given, x.shape, strict=False)):
        if isinstance(one, int) and size is not None and not -size <= one < size:
            return f"{failed.function}: index {one} out of range (0–{size - 1}) in dimension {dim} of {failed.describe(x)}"
    return None


def _index_tensor(failed: FailedCall) -> str | None:
    """Indices in a tensor, of ``gather``, ``index_select`` and the like."""
    x, index = failed.operands.get("input"), failed.operands.get("index")
    dim = failed.op.arguments.get("dim")
    if x is None or index is None or not x.shape or not isinstance(dim, int) or not -len(x.shape) <= dim < len(x.shape):
        return None
    size = x.shape[dim] or 0
    wrong = failed.out_of_range(index, size)
    if wrong is None:
        return None
    indices = failed.source_of(index)
    where = f"; the indices come{indices}" if indices else ""
    return f"{failed.function}: index {wrong} out of range (0–{size - 1}) in dimension {dim} of {failed.describe(x)}{where}"


def _sizes(failed: FailedCall, *names: str) -> tuple[int, ...] | None:
    """Sizes given one by one or as a list."""
    found = [value for name, value in failed.op.arguments.items() if name in (names or ("shape", "size")) or name.isdigit()]
    given: Literals = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not isinstance(given, list) or not given:
        return None
    sizes = [size for size in given if isinstance(size, int)]
    return tuple(sizes) if len(sizes) == len(given) else None


SENTENCES: Iterable[Callable[[FailedCall], str | None]] = (
    _matmul,
    _broadcast,
    _concatenation,
    _view,
    _expand,
    _einsum,
    _dimension,
    _index,
    _index_tensor,
)
