"""Which memory format torch gives to results."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

from modinspect.trace._torch.private import PrivateUse

__all__ = ["convolution_memory_format", "suggest_memory_format"]

USES = (
    PrivateUse("torch._prims_common.suggest_memory_format", "The memory format that kernels read off a tensor's strides."),
    PrivateUse("torch._C._select_conv_backend", "The backend that a convolution on the CPU would use."),
    PrivateUse("torch._C._conv_determine_backend_memory_format", "The memory format in which that backend writes."),
)


def convolution_memory_format(args: Any) -> torch.memory_format:
    """The memory format of a CPU convolution's result; ``args`` are the arguments of ``aten.convolution``."""
    x: Tensor = args[0]
    weight: Tensor = args[1]
    backend = torch._C._select_conv_backend(*args)
    return torch._C._conv_determine_backend_memory_format(x, weight, backend)
