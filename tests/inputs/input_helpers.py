"""Models that take inputs, and shortcuts that make these."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modinspect.errors import InputError
from modinspect.inputs import (
    Inputs,
    make_inputs,
)


class Net(nn.Module):
    """Takes one input, an optional mask and anything else by name."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.index = nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False)
        self.fc = nn.Linear(3, 3, dtype=dtype)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, scale: float = 1.0) -> Any:
        return self.fc(x)


class Free(nn.Module):
    """Has no parameters, and takes whatever comes."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return args


def made(*specs: str, model: nn.Module | None = None, **options: Any) -> Inputs:
    return make_inputs(specs, model=model if model is not None else Free(), device="cpu", **options)


def tensor(spec: str, **options: Any) -> Any:
    return made(spec, **options).args[0]


def error(*specs: str, model: nn.Module | None = None, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        made(*specs, model=model, **options)
    return caught.value


class Decorated(Net):
    @functools.wraps(Net.forward)
    def forward(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().forward(*args, x=torch.zeros(3), **kwargs)  # type: ignore[misc]
