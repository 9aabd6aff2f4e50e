"""What an op did, judged by what was recorded of it: its kind, what it wrote to, its arguments."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from modinspect.report import Kind
from modinspect.trace._torch import OpOverload
from modinspect.trace.capture import names
from modinspect.trace.model import flatten, storage_of

_NEVER_VIEWS = frozenset(
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout dropout_ alpha_dropout_".split()
)
"""Functions that return their input in eval mode: they compute the identity and are not views."""

_LONGEST = 64
"""Longer lists among the arguments, such as the data of ``torch.tensor``, are left out."""

_SKIP = object()


def kind_of(
    func: Any, operands: list[Tensor], results: list[Tensor], mutated: tuple[int, ...], aten: list[OpOverload]
) -> Kind | None:
    """The kind of a call by what it did; ``None`` if it returned, changed and read no tensor and so is not an op.

    Args:
        func: the function called
        operands: the tensors it was given
        results: the tensors it returned
        mutated: the indices of the operands that it wrote to
        aten: the operators that ran in it
    """
    if func in names.READS:
        return "read"
    if func in names.COMPUTES:
        return "compute"
    if not results and not mutated:
        return "read" if operands and aten else None
    if not operands or names.makes_from_shape(func):
        return "create"
    if mutated or not results or names.last_name(func) in _NEVER_VIEWS:
        return "compute"
    storages = {storage_of(tensor) for tensor in operands}
    shared = {storage_of(tensor) for tensor in results}
    if None in storages | shared:  # tensors without storage (sparse ones, those inside vmap): the operators decide
        return "view" if aten and all(op.is_view for op in aten) else "compute"
    return "view" if shared <= storages else "compute"


def operands_of(args: Any, kwargs: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """(path, tensor) of the tensors among the arguments: ``0``, ``0.2`` inside a list, ``weight`` for a keyword."""
    for index, value in enumerate(args):
        yield from flatten(value, str(index))
    for name, value in kwargs.items():
        yield from flatten(value, name)


def mutated_positions(func: Any, operands: list[Tensor], written: list[Tensor]) -> tuple[int, ...]:
    """The positions of the operands that were written to, directly or through a view.

    Args:
        func: the function called
        operands: the tensors it was given
        written: the tensors that its operators wrote to
    """
    if not written:
        return ()
    if func == Tensor.__setitem__:
        return (0,)  # it writes to a view that it makes itself, and the value may be another view of the same memory
    ids = {id(tensor) for tensor in written}
    exact = tuple(position for position, tensor in enumerate(operands) if id(tensor) in ids)
    if exact:
        return exact
    storages = {storage_of(tensor) for tensor in written} - {None}
    return tuple(position for position, tensor in enumerate(operands) if storage_of(tensor) in storages)


def aliased(operands: list[Tensor]) -> bool:
    """Whether some of the operands share memory, so that positions don't tell what is written to."""
    return len({storage_of(tensor) for tensor in operands}) < len(operands)


def literals(args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments that are not tensors, by path, as far as JSON can hold them."""
    found = {}
    for path, value in [*((str(index), value) for index, value in enumerate(args)), *kwargs.items()]:
        literal = _literal(value)
        if literal is not _SKIP:
            found[path] = literal
    return found


def _literal(value: Any) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format, complex)):
        return str(value).removeprefix("torch.")
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        parts = (value.start, value.stop) if value.step is None else (value.start, value.stop, value.step)
        return ":".join("" if part is None else str(part) if type(part) is int else "?" for part in parts)
    if isinstance(value, (tuple, list)) and len(value) <= _LONGEST:
        items = [_literal(item) for item in value]
        known = [item for item in items if item is not _SKIP]
        return [None if item is _SKIP else item for item in items] if known or not items else _SKIP
    return _SKIP
