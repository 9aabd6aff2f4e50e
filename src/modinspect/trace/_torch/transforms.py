"""Transforms of ``torch.func``, tracing, autocast and forward-mode derivatives: what changes the meaning of a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse("torch._C._are_functorch_transforms_active", "Inside `vmap` or `grad` a call becomes other operators."),
    PrivateUse("torch._C._is_any_autocast_enabled", "Under autocast a call becomes other operators."),
    PrivateUse("torch._C._is_tracing", "While `torch.jit.trace` runs, sizes are tensors."),
    PrivateUse("torch._C._get_tracing_state", "Reads sizes as numbers while `torch.jit.trace` runs."),
    PrivateUse("torch._C._set_tracing_state", "Reads sizes as numbers while `torch.jit.trace` runs."),
    PrivateUse("torch._C._functorch.is_functorch_wrapped_tensor", "Finds the tensor that a transform has wrapped."),
    PrivateUse("torch._C._functorch.get_unwrapped", "Finds the tensor that a transform has wrapped."),
    PrivateUse(
        "torch._functorch.pyfunctorch.temporarily_clear_interpreter_stack",
        "Reads a real tensor while a transform is active.",
    ),
    PrivateUse("torch._make_dual", "A tensor with a tangent computes more from here on, which its metadata doesn't tell."),
)

are_transforms_active = torch._C._are_functorch_transforms_active
is_autocasting = torch._C._is_any_autocast_enabled
is_tracing = torch._C._is_tracing
is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
MAKE_DUAL = torch._make_dual


def unwrapped(tensor: Tensor) -> Tensor:
    """The tensor inside of all the wrappers that transforms put around it; itself if there are none."""
    while is_wrapped(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


@contextmanager
def untraced() -> Iterator[None]:
    """Sizes are numbers inside the block; ``torch.jit.trace`` would make them tensors and record that they were read."""
    set_state = torch._C._set_tracing_state  # type: ignore[attr-defined]
    state = torch._C._get_tracing_state()
    set_state(None)
    try:
        yield
    finally:
        set_state(state)


def without_transforms() -> AbstractContextManager[object]:
    """Runs the block outside of all transforms, if any is active."""
    if not are_transforms_active():
        return nullcontext()
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

    return temporarily_clear_interpreter_stack()
