"""Inputs and outputs that are not tensors: arrays, images and strings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from modinspect.report import OtherValue
from modinspect.trace.model.tensors import items_or_attributes_of

_DEEPEST = 8


def other_values(value: Any, path: str = "") -> Iterator[OtherValue]:
    """The NumPy arrays, PIL images and strings in ``value``; a list of strings is one of them."""
    yield from _found(value, path, 0, set())


def _found(value: Any, path: str, depth: int, seen: set[int]) -> Iterator[OtherValue]:
    if isinstance(value, Tensor) or depth > _DEEPEST or id(value) in seen:
        return
    described = _described(value, path)
    if described is not None:
        yield described
        return
    seen.add(id(value))
    for key, item in items_or_attributes_of(value):
        yield from _found(item, f"{path}.{key}" if path else key, depth + 1, seen)
    seen.discard(id(value))


def _described(value: Any, path: str) -> OtherValue | None:
    if isinstance(value, str):
        return OtherValue(path, "str", None, None)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return OtherValue(path, f"{type(value).__name__}[str]", (len(value),), None)
    numpy, image = sys.modules.get("numpy"), sys.modules.get("PIL.Image")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return OtherValue(path, "numpy.ndarray", tuple(value.shape), str(value.dtype))
    if image is not None and isinstance(value, image.Image):
        return OtherValue(path, "PIL.Image", (value.height, value.width, len(value.getbands())), value.mode)
    return None
