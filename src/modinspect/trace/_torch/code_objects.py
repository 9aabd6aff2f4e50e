"""Functions of torch that are told by their code when they turn up in a stack."""

from __future__ import annotations

import torch
from torch.nn.modules.lazy import LazyModuleMixin

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse("torch._tensor_str._str", "A frame that must be cleared: it keeps transforms switched off while it lives."),
    PrivateUse(
        "torch.nn.modules.lazy.LazyModuleMixin._infer_parameters",
        "What runs in it sets a lazy module up and is no op of the model's.",
    ),
)

PRINTS_TENSOR = torch._tensor_str._str.__code__
SETS_UP_LAZY_MODULE = LazyModuleMixin._infer_parameters.__code__
