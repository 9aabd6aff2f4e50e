"""Functions and modules of torch that are recognised when they turn up in a stack."""

from __future__ import annotations

import torch
from torch.nn.modules.lazy import LazyModuleMixin

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse(
        "torch._tensor", "Its methods treat meta tensors in their own way; recognised by the module of the calling frame."
    ),
    PrivateUse("torch._tensor_str._str", "A frame that must be cleared: it keeps transforms switched off while it lives."),
    PrivateUse(
        "torch.nn.modules.lazy.LazyModuleMixin._infer_parameters",
        "What runs in it sets a lazy module up and isn't an op of the model.",
    ),
)

PRINTS_TENSOR = torch._tensor_str._str.__code__
READ_META_THEMSELVES = frozenset({"torch.nn.init", "torch._tensor", "torch.nn.parameter"})
"""Modules of torch with code of their own for meta tensors: they must see what a tensor is."""

SETS_UP_LAZY_MODULE = LazyModuleMixin._infer_parameters.__code__
