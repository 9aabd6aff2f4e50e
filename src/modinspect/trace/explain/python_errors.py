"""Sentences on exceptions of plain Python: unpacked shapes, ``None``, tuples in place of tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modinspect.report import Op
from modinspect.trace.explain.failed_call import came_from, tuple_text
from modinspect.trace.explain.failed_line import FailedLine, NamedValue

_UNPACKING = re.compile(r"(not enough|too many) values to unpack")
_STRING_KEY = re.compile(r"(tuple|list) indices must be integers or slices, not str")
_NO_ATTRIBUTE = re.compile(r"'(tuple|list|dict)' object has no attribute '(\w+)'")


def explain_python_error(line: FailedLine, message: str, before: Sequence[Op]) -> str | None:
    """One sentence on an exception that no op raised; ``None`` if no reason is plain.

    Args:
        line: the line that failed.
        message: what the exception said.
        before: the ops that ran before.
    """
    if _UNPACKING.search(message):
        return _unpacking(line, before)
    if "NoneType" in message:
        return _none(line)
    if _STRING_KEY.search(message) or _NO_ATTRIBUTE.search(message):
        return _container(line, message)
    return None


def _unpacking(line: FailedLine, before: Sequence[Op]) -> str | None:
    value = line.names.get(line.unpacked)
    if value is None or value.shape is None or len(value.shape) == len(line.targets):
        return None
    targets = ", ".join(line.targets)
    return (
        f"{len(line.targets)} sizes are unpacked into {targets}, but {line.unpacked} has {len(value.shape)} dimensions: "
        f"{tuple_text(value.shape)}{came_from(value.origin, before)}"
    )


def _none(line: FailedLine) -> str | None:
    nothing = [name for name, value in line.names.items() if value.type == "None"]
    if len(nothing) != 1:
        return None
    argument = f", an argument of {line.function}," if line.names[nothing[0]].is_argument else ""
    return f"{nothing[0]}{argument} is None in: {line.code}"


def _container(line: FailedLine, message: str) -> str | None:
    containers = {name: value for name, value in line.names.items() if value.length is not None and value.type in message}
    if len(containers) != 1:
        return None
    name, value = next(iter(containers.items()))
    return f"{name} is a {_sized(value)}, not a tensor, in: {line.code}"


def _sized(value: NamedValue) -> str:
    return f"{value.type} of {value.length}"
