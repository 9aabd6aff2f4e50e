"""Tensors of a shape: random numbers, ones, and what the documentation of an argument asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from modinspect.inputs.guess.transformers.facts import Facts
from modinspect.inputs.values import generator


def floats(*shape: int) -> Tensor:
    """Random numbers, the same each time."""
    return torch.randn(shape, generator=generator(), device="cpu", dtype=torch.float32)


def ones(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
    """As for a mask that hides nothing."""
    return torch.ones(shape, device="cpu", dtype=dtype)


def whole(values: object) -> Tensor:
    """Whole numbers as a tensor."""
    return torch.tensor(values, device="cpu", dtype=torch.int64)


def as_documented(facts: Facts, name: str, known: Mapping[str, int] | None = None) -> Iterator[Tensor]:
    """What the documentation of an argument asks for: ones for what is whole or a mask, random numbers otherwise."""
    said = facts.documented.get(name)
    for dims in said.shapes if said is not None else ():
        shape = [facts.size(dim, known) for dim in dims]
        if said is not None and all(shape):
            sizes = [size for size in shape if size is not None]
            counts = said.dtype is not None or name.endswith(("_ids", "_mask", "_masks"))
            yield ones(*sizes, dtype=said.dtype or torch.int64) if counts else floats(*sizes)
