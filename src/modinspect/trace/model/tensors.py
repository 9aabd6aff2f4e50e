"""Metadata of tensors and of containers that hold them; no data is read."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from modinspect.trace._torch import is_tracing, untraced

_DEEPEST = 32
"""Nested containers are searched to this depth."""

_INTS = frozenset({int})

_ATOMS = frozenset({str, bytes, int, float, complex, bool, type(None), torch.dtype, torch.device, torch.Generator, type})


def shape_of(tensor: Tensor) -> tuple[int | None, ...] | None:
    """The shape of ``tensor``, with ``None`` for a ragged dimension; ``None`` if it has no shape yet."""
    try:
        if tensor.is_nested:
            return tuple(_size(tensor, dim) for dim in range(tensor.dim()))
        shape = tensor.shape
        if {*map(type, shape)} <= _INTS:
            return tuple(shape)
        if is_tracing():
            with untraced():
                return tuple(tensor.shape)
        return tuple(map(_as_int, shape))
    except RuntimeError:  # a lazy parameter, a tensor whose storage was freed
        return None


def _size(tensor: Tensor, dim: int) -> int | None:
    try:
        return _as_int(tensor.size(dim))
    except RuntimeError:  # ragged
        return None


def _as_int(size: Any) -> int | None:
    try:
        return int(size)
    except (TypeError, ValueError, RuntimeError, AttributeError):  # a symbolic size without a value
        return None


@functools.cache
def dtype_name(dtype: torch.dtype) -> str:
    """The dtype without the prefix: ``float32``."""
    return str(dtype).removeprefix("torch.")


PLAIN = frozenset({Tensor, nn.Parameter})
"""Tensor types without behaviour of their own: metadata and values say everything."""


class TensorMeta(NamedTuple):
    """The metadata of a strided tensor."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    requires_grad: bool


class TensorMetaTable:
    """Numbers each distinct metadata. Tensors with the same number differ only in their values."""

    def __init__(self) -> None:
        self._numbers: dict[TensorMeta, int] = {}
        self.known: list[TensorMeta] = []
        self.described: list[tuple[torch.Size, torch.dtype, torch.device]] = []
        """(shape, dtype, device) of each, as reports need it."""

    def number(self, tensor: Tensor) -> int:
        """The number of a tensor's metadata.

        Raises:
            RuntimeError: the tensor has no strides (sparse, nested).
        """
        shape, dtype = tensor.shape, tensor.dtype
        meta = _meta((shape, tensor.stride(), dtype, tensor.device, tensor.requires_grad))
        number = self._numbers.get(meta)
        if number is None:
            if is_tracing():
                with untraced():
                    return self.number(tensor)
            number = self._numbers[meta] = len(self.known)
            self.known.append(meta)
            self.described.append((shape, dtype, tensor.device))
        return number

    def number_or_none(self, tensor: Tensor) -> int | None:
        """As :meth:`number`; ``None`` for a tensor subclass or a tensor without strides."""
        if type(tensor) not in PLAIN:
            return None
        try:
            return self.number(tensor)
        except RuntimeError:  # no strides
            return None


_meta = functools.partial(tuple.__new__, TensorMeta)


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """(path, tensor) of the tensors in ``value``: ``""`` for a bare tensor, else ``logits``, ``0``, ``a.1``.

    Searches mappings, sequences, named tuples and dataclasses.
    """
    return _flatten(value, path, items_of, 0, set())


def flatten_all(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """As :func:`flatten`, but searches plain objects (a key-value cache), too; modules are not searched."""
    return _flatten(value, path, items_or_attributes_of, 0, set())


def _flatten(
    value: Any, path: str, inside: Callable[[Any], Iterator[tuple[str, Any]]], depth: int, seen: set[int]
) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
        return
    if type(value) in _ATOMS or depth > _DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    for key, item in inside(value):
        yield from _flatten(item, f"{path}.{key}" if path else key, inside, depth + 1, seen)
    seen.discard(id(value))


def items_of(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, item) of a container; empty for anything else."""
    if isinstance(value, (list, tuple, set, frozenset)):
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            yield from zip(value._fields, value, strict=False)
        else:
            yield from ((str(index), item) for index, item in enumerate(list(value)))
    elif isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in list(value.items()))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value))


def items_or_attributes_of(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, item) of a container, or (name, value) of a plain object's attributes."""
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) or dataclasses.is_dataclass(value):
        yield from items_of(value)
    elif not isinstance(value, nn.Module) and not callable(value):
        yield from list(getattr(value, "__dict__", {}).items())


def map_tensors(change: Callable[[Tensor], Any], value: Any) -> Any:
    """``value`` with ``change(tensor)`` in place of each tensor, also inside lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(change, item) for item in value)
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    return value
