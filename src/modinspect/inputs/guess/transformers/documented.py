"""Parses the shapes of arguments from docstrings.

    pixel_values (`torch.FloatTensor` of shape `(batch_size, num_channels, height, width)`):

is the form in ``transformers``, which many libraries have adopted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

_ARGUMENT = re.compile(r"^[ \t]*(\w[\w, ]*?)[ \t]*\((.*\bshape\b.*)\)[ \t]*:?[ \t]*$", re.MULTILINE)
_SHAPE = re.compile(r"`[(\[]([^`]*)[)\]]`")
_ASIDE = re.compile(r" \([^()]*\)")
_DTYPES = (("LongTensor", torch.int64), ("IntTensor", torch.int64), ("BoolTensor", torch.bool))


@dataclass(frozen=True)
class Documented:
    """What a docstring says about one argument.

    Args:
        shapes: the shapes that it can have, each a tuple of texts such as ``batch_size``.
        dtype: ``None`` if the docstring doesn't name one.
    """

    shapes: tuple[tuple[str, ...], ...]
    dtype: torch.dtype | None


def documented(function: Callable[..., Any]) -> dict[str, Documented]:
    """The arguments of ``function`` whose docstring gives a shape."""
    found: dict[str, Documented] = {}
    for names, text in _ARGUMENT.findall(getattr(function, "__doc__", None) or ""):
        shapes = tuple(_dims(shape) for shape in _SHAPE.findall(text))
        dtype = next((dtype for name, dtype in _DTYPES if name in text), None)
        for name in names.split(","):
            found.setdefault(name.strip(), Documented(tuple(filter(None, shapes)), dtype))
    return found


def _dims(shape: str) -> tuple[str, ...]:
    """Splits ``total_classes (>= batch_size), sequence_length`` into its two names."""
    plain = shape.strip("()") if shape.startswith("(") else shape
    return tuple(dim.strip() for dim in _ASIDE.sub("", plain).split(",") if dim.strip())
