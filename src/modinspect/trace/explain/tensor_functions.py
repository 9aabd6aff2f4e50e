"""Failed calls of functions on tensors, in words: shapes that don't meet, sizes that don't fill, dimensions that lack."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from modinspect.report import Literals, Operand, Shape
from modinspect.trace.explain.failed_call import Failed, tuple_text


def _matmul(failed: Failed) -> str | None:
    name = failed.op.name.rpartition(".")[2]
    if name not in ("matmul", "mm", "bmm", "__matmul__", "__rmatmul__") or len(failed.op.inputs) < 2:
        return None
    a, b = failed.op.inputs[:2]
    if not a.shape or not b.shape:
        return None
    exactly = {"bmm": (3, "(B, N, M)"), "mm": (2, "(N, M)")}.get(name)
    odd = next((operand for operand in (a, b) if exactly and len(operand.shape or ()) != exactly[0]), None)
    if exactly and odd is not None:
        return f"{failed.what} takes {exactly[0]} dimensions {exactly[1]}, got {len(odd.shape or ())}: {failed.tell(odd)}"
    rows = b.shape[-2] if len(b.shape) > 1 else b.shape[0]
    if a.shape[-1] == rows:
        if not _broadcastable(a.shape[:-2], b.shape[:-2]) or (name == "bmm" and a.shape[0] != b.shape[0]):
            return f"{failed.what} of {failed.tell(a)} and {failed.tell(b)}: their batches differ"
        if a.dtype == b.dtype:
            return None
        dtypes = f"{a.dtype}{failed.came(a)} and {b.dtype}{failed.came(b)}"
        return f"{failed.what} of {dtypes}: both must be of one dtype"
    return (
        f"{failed.what} of {tuple_text(a.shape)}{failed.came(a)} and {tuple_text(b.shape)}{failed.came(b)}: "
        f"the last dimension of the first, {a.shape[-1]}, must be {rows}"
    )


_ELEMENTWISE = frozenset(
    "add sub mul div truediv pow eq lt gt le ge ne maximum minimum where masked_fill lerp mse_loss l1_loss "
    "smooth_l1_loss huber_loss and or xor logical_and logical_or atan2 fmod remainder".split()
)


def _broadcast(failed: Failed) -> str | None:
    if failed.last.strip("_") not in _ELEMENTWISE and failed.last.strip("_")[1:] not in _ELEMENTWISE:
        return None
    for a, b in itertools.combinations(failed.op.inputs, 2):
        for back, (m, n) in enumerate(zip(reversed(a.shape or ()), reversed(b.shape or ()), strict=False), start=1):
            if m != n and 1 not in (m, n):
                both = f"{failed.tell(a)} with {failed.tell(b)}"
                return f"{failed.what} can't broadcast {both}: {m} and {n} differ in dimension {-back}"
    first = failed.op.inputs[0] if failed.op.inputs else None
    if first is not None and first.shape is not None and failed.last.endswith("_") and not failed.last.endswith("__"):
        larger = next((other for other in failed.op.inputs[1:] if not _holds(first.shape, other.shape or ())), None)
        return f"{failed.what} can't write {failed.tell(larger)} into {failed.tell(first)}" if larger is not None else None
    return None


def _holds(whole: Shape, part: Shape) -> bool:
    """Whether ``part`` broadcasts to ``whole`` itself."""
    return len(part) <= len(whole) and all(n in (1, m) for m, n in zip(reversed(whole), reversed(part), strict=False))


def _broadcastable(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False))


def _concatenation(failed: Failed) -> str | None:
    if failed.op.name.rpartition(".")[2] not in ("cat", "concat", "concatenate", "stack") or len(failed.op.inputs) < 2:
        return None
    first = failed.op.inputs[0]
    along = failed.op.arguments.get("dim") if "cat" in failed.op.name else None
    for other in failed.op.inputs[1:]:
        if _without(other.shape, along) != _without(first.shape, along):
            where = f" along dimension {failed.op.arguments['dim']}" if "dim" in failed.op.arguments else ""
            return f"{failed.what}{where} can't join {failed.tell(first)} and {failed.tell(other)}"
    return None


def _without(shape: Shape | None, dim: Literals) -> Shape | None:
    """``shape`` but for one dimension."""
    if shape is None or not isinstance(dim, int) or not -len(shape) <= dim < len(shape):
        return shape
    dim %= len(shape)
    return (*shape[:dim], *shape[dim + 1 :])


def _view(failed: Failed) -> str | None:
    sizes = _sizes(failed)
    if failed.last not in ("view", "reshape", "_unsafe_view") or sizes is None or not failed.op.inputs:
        return None
    x = failed.op.inputs[0]
    if x.shape is None or None in x.shape:
        return None
    count = math.prod(size or 0 for size in x.shape)
    wanted = math.prod(size for size in sizes if size != -1)
    what = f"{failed.what} can't make {tuple_text(sizes)} of {failed.tell(x)}"
    if -1 in sizes and (not wanted or count % wanted):
        return f"{what}: its {count} elements can't be divided by {wanted}"
    if -1 not in sizes and wanted != count:
        return f"{what}: it has {count} elements, {wanted} are needed"
    strides = f"{what}: its elements don't lie in that order in memory; reshape copies them"
    return strides if "stride" in failed.message else None


def _expand(failed: Failed) -> str | None:
    sizes = _sizes(failed)
    if failed.last not in ("expand", "broadcast_to") or sizes is None or not failed.op.inputs:
        return None
    x = failed.op.inputs[0]
    if x.shape is None:
        return None
    what = f"{failed.what} can't make {tuple_text(sizes)} of {failed.tell(x)}"
    if len(sizes) < len(x.shape):
        return f"{what}: it needs a size for each of the {len(x.shape)} dimensions"
    for dim, (size, wanted) in enumerate(zip(x.shape, sizes[len(sizes) - len(x.shape) :], strict=True)):
        if wanted not in (-1, size) and size != 1:
            return f"{what}: dimension {dim} has size {size}, only one of size 1 can be expanded"
    return None


def _einsum(failed: Failed) -> str | None:
    equation = failed.op.arguments.get("equation")
    if failed.last != "einsum" or not isinstance(equation, str) or "." in equation:
        return None
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    what = f"{failed.what} '{equation}'"
    if len(terms) != len(failed.op.inputs):
        return f"{what} names {len(terms)} tensors, got {len(failed.op.inputs)}"
    seen: dict[str, tuple[int | None, Operand]] = {}
    for term, operand in zip(terms, failed.op.inputs, strict=True):
        shape = operand.shape or ()
        if len(term) != len(shape):
            return f"{what}: '{term}' names {len(term)} dimensions, got {len(shape)}: {failed.tell(operand)}"
        for letter, size in zip(term, shape, strict=True):
            before, other = seen.setdefault(letter, (size, operand))
            if size != before and 1 not in (size, before):
                return f"{what}: {letter} is {before} in {failed.tell(other)}, and {size} in {failed.tell(operand)}"
    return None


def _dimension(failed: Failed) -> str | None:
    """A dimension that a tensor does not have, or too many of them."""
    if not failed.op.inputs or failed.last in ("stack", "unsqueeze", "unsqueeze_", "diag_embed"):
        return None  # they take one more
    x = failed.op.inputs[0]
    if x.shape is None:
        return None
    count = len(x.shape)
    if failed.last == "permute":
        order = _sizes(failed, "dim", "dims")
        given = len(order or ())
        return f"{failed.what} names {given} dimensions, got {count}: {failed.tell(x)}" if order and given != count else None
    for name in ("dim", "dim0", "dim1", "start_dim", "end_dim"):
        dim = failed.op.arguments.get(name)
        if isinstance(dim, int) and not isinstance(dim, bool) and count and not -count <= dim < count:
            return f"{failed.what} asks for dimension {dim}, {failed.tell(x)} has {count} (0 to {count - 1})"
    return None


def _index(failed: Failed) -> str | None:
    index = failed.op.arguments.get("idx")
    if failed.last != "__getitem__" or "idx" not in failed.op.arguments or len(failed.op.inputs) != 1:
        return None
    x, given = failed.op.inputs[0], index if isinstance(index, list) else [index]
    if x.shape is None or not all(isinstance(one, int) or (isinstance(one, str) and ":" in one) for one in given):
        return None
    if len(given) > len(x.shape):
        return f"{failed.what} with {len(given)} indices, {failed.tell(x)} has {len(x.shape)} dimensions"
    for dim, (one, size) in enumerate(zip(given, x.shape, strict=False)):
        if isinstance(one, int) and size is not None and not -size <= one < size:
            return f"{failed.what} asks for {one} in dimension {dim}, {failed.tell(x)} has {size} there (0 to {size - 1})"
    return None


def _sizes(failed: Failed, *named: str) -> tuple[int, ...] | None:
    """Sizes given one by one or as a list."""
    found = [value for name, value in failed.op.arguments.items() if name in (named or ("shape", "size")) or name.isdigit()]
    given: Literals = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not isinstance(given, list) or not given:
        return None
    sizes = [size for size in given if isinstance(size, int)]
    return tuple(sizes) if len(sizes) == len(given) else None


SENTENCES: tuple[Callable[[Failed], str | None], ...] = (
    _matmul,
    _broadcast,
    _concatenation,
    _view,
    _expand,
    _einsum,
    _dimension,
    _index,
)
"""They are asked in this order; each answers where it knows the reason."""
