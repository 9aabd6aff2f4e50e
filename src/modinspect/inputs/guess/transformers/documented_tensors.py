"""Creates tensors of documented shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from modinspect.inputs.guess.transformers.facts import Facts
from modinspect.inputs.tensors import floats, ones


def as_documented(facts: Facts, name: str, known: Mapping[str, int] | None = None) -> Iterator[Tensor]:
    """Tensors of the shapes documented for an argument: ones for integers and masks, random numbers otherwise.

    Args:
        facts: the model, with its docstrings.
        name: the argument of ``forward``.
        known: sizes of dimensions that the configuration doesn't say, by name.
    """
    said = facts.documented.get(name)
    for dims in said.shapes if said is not None else ():
        shape = [facts.size(dim, known) for dim in dims]
        if said is not None and all(shape):
            sizes = [size for size in shape if size is not None]
            counts = said.dtype is not None or name.endswith(("_ids", "_mask", "_masks"))
            yield ones(*sizes, dtype=said.dtype or torch.int64) if counts else floats(*sizes)
