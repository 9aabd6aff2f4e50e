"""Sentences on operands on several devices, of several dtypes, or that are not tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from modinspect.report import Operand
from modinspect.trace.explain.failed_call import FailedCall, origin_text

_ABOUT_DTYPES = re.compile(r"dtype|scalar type|same type|type .*should be the same", re.IGNORECASE)
_NOT_A_TENSOR = re.compile(r"argument '(\w+)'.* must be Tensor, not NoneType")
_FLOATS = ("float", "bfloat", "complex")


def _devices(failed: FailedCall) -> str | None:
    if "device" not in failed.message:
        return None
    return _differing(failed, lambda operand: operand.device or failed.device, "on ", failed.device)


def _dtypes(failed: FailedCall) -> str | None:
    if not _ABOUT_DTYPES.search(failed.message):
        return None
    usual = next((operand.dtype for operand in failed.op.inputs if operand.argument in ("input", "0")), "")
    return _differing(failed, lambda operand: operand.dtype if operand.dtype.startswith(_FLOATS) else None, "", usual)


def _differing(failed: FailedCall, of: Callable[[Operand], str | None], preposition: str, usual: str) -> str | None:
    """One operand for each device or dtype, those that differ from the usual one first."""
    first = {value: operand for operand in reversed(failed.op.inputs) if (value := of(operand)) is not None}
    if len(first) < 2:
        return None
    ordered = sorted(first, key=lambda value: (value == usual, value))
    parts = [f"{_name(first[value])} is {preposition}{value}{_where(failed, first[value])}" for value in ordered]
    return f"{failed.function}: {', '.join(parts)}"


def _name(operand: Operand) -> str:
    return f"operand {operand.argument}" if operand.argument.isdigit() else operand.argument


def _where(failed: FailedCall, operand: Operand) -> str:
    text = origin_text(operand.origin, failed.before)
    return f" ({text})" if text else ""


def _none(failed: FailedCall) -> str | None:
    found = _NOT_A_TENSOR.search(failed.message)
    if found is None:
        return None
    line = failed.line
    nothing = [name for name, value in line.names.items() if value.type == "None"] if line is not None else []
    name = f" ({nothing[0]})" if len(nothing) == 1 else ""
    return f"{failed.function} expects a tensor for {found[1]}, got None{name}"


def _string_index(failed: FailedCall) -> str | None:
    key = failed.op.arguments.get("idx")
    if failed.last != "__getitem__" or not isinstance(key, str) or re.fullmatch(r"[\d?:-]*|\.\.\.", key):
        return None
    x = next(iter(failed.op.inputs), None)
    if x is None:
        return None
    name = failed.line.operands[0] if failed.line is not None and failed.line.operands else "the object"
    return f"{name} is a tensor {failed.describe(x)}, which has no key {key!r}"


_Sentences = Iterable[Callable[[FailedCall], str | None]]
DEVICE_SENTENCES: _Sentences = (_devices, _none, _string_index)
DTYPE_SENTENCES: _Sentences = (_dtypes,)
