"""Tensor subclasses that report a device they have no memory on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

from modinspect.trace._torch.dispatch_keys import PreserveDispatchKeys, set_meta_included
from modinspect.trace._torch.modes import DisableTorchDispatch
from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse("torch.Tensor._make_subclass", "Makes a meta tensor dispatch as if it were on another device."),
    PrivateUse("torch._C._disabled_torch_function_impl", "A `__torch_function__` that changes nothing and costs nothing."),
    PrivateUse("torch._C._TorchDispatchModeKey.FAKE", "Under a mode with this key torch starts no device."),
    PrivateUse(
        "torch._C._ensureCUDADeviceGuardSet",
        "Makes guards of CUDA devices do nothing in a process that has no GPU.",
        since="2.10",
    ),
)

DISABLED_TORCH_FUNCTION = torch._C._disabled_torch_function_impl
FAKE_MODE_KEY = torch._C._TorchDispatchModeKey.FAKE

_T = TypeVar("_T", bound=Tensor)


def as_subclass_on(cls: type[_T], meta: Tensor, device: torch.device) -> _T:
    """A tensor of class ``cls`` with the metadata of ``meta`` that dispatches as if it were on ``device``."""
    make: Any = Tensor._make_subclass
    made: _T = make(cls, meta, meta.requires_grad, dispatch_device=True, device_for_backend_keys=device)
    return made


def can_guard_cuda() -> bool:
    """Prepares guards of CUDA devices for a process without a GPU; ``False`` if this torch can't."""
    try:
        torch._C._ensureCUDADeviceGuardSet()
    except AttributeError:  # up to torch 2.9
        return False
    return True


@contextmanager
def meta_kernels() -> Iterator[None]:
    """Runs operators by their meta kernels, without any ``__torch_dispatch__``."""
    with DisableTorchDispatch(), PreserveDispatchKeys():
        set_meta_included(True)
        yield
