"""Creates the tensors of guesses: on the CPU, the same each time."""

from __future__ import annotations

import torch
from torch import Tensor

from modinspect.inputs.values import generator


def floats(*shape: int) -> Tensor:
    """Random numbers."""
    return torch.randn(shape, generator=generator(), device="cpu", dtype=torch.float32)


def ones(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
    """Ones, for example for a mask that hides nothing."""
    return torch.ones(shape, device="cpu", dtype=dtype)


def integers(values: object) -> Tensor:
    """``values``, nested lists of integers, as a tensor."""
    return torch.tensor(values, device="cpu", dtype=torch.int64)
