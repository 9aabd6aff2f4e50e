"""The stacks of function modes and dispatch modes, and the switches that leave them out."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes, _pop_mode

from modinspect.trace._torch.private import PrivateUse

__all__ = [
    "DisableTorchDispatch",
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "EnableTorchFunction",
    "TorchDispatchMode",
    "dispatch_mode_count",
    "function_mode_count",
    "is_function_enabled",
    "pop_dispatch_mode",
    "pop_dispatch_mode_safely",
    "pop_function_mode",
    "push_dispatch_mode",
    "push_function_mode",
    "without_dispatch_modes",
]

USES = (
    PrivateUse("torch._C.DisableTorchFunction", "Looks at tensors without calling function modes or `__torch_function__`."),
    PrivateUse(
        "torch._C.DisableTorchFunctionSubclass", "Leaves out `__torch_function__` of tensor classes but keeps the modes."
    ),
    PrivateUse("torch._C._DisableTorchDispatch", "Reads a tensor subclass without its `__torch_dispatch__`."),
    PrivateUse("torch._C._EnableTorchFunction", "Turns functions on again while the compiler is imported."),
    PrivateUse("torch._C._is_torch_function_enabled", "Tells whether a block of the model's has turned function modes off."),
    PrivateUse(
        "torch._C._len_torch_function_stack", "Tells whether a mode of the model's lies on top, and what it left behind."
    ),
    PrivateUse("torch._C._pop_torch_function_stack", "Calls the recorder without the context manager that torch enters."),
    PrivateUse("torch._C._push_on_torch_function_stack", "Puts the popped mode back."),
    PrivateUse("torch._C._len_torch_dispatch_stack", "Tells whether a mode of the model's takes part in a call."),
    PrivateUse("torch._C._pop_torch_dispatch_stack", "Runs a call of a known kind past the recorder's dispatch mode."),
    PrivateUse("torch._C._push_on_torch_dispatch_stack", "Puts the popped mode back."),
    PrivateUse("torch.utils._python_dispatch.TorchDispatchMode", "The base class of dispatch modes has no public home."),
    PrivateUse("torch.utils._python_dispatch._disable_current_modes", "Runs code of our own unseen by any dispatch mode."),
    PrivateUse("torch.utils._python_dispatch._pop_mode", "Removes a mode that the model left behind, infra modes included."),
)

DisableTorchFunction = torch._C.DisableTorchFunction
DisableTorchFunctionSubclass = torch._C.DisableTorchFunctionSubclass
DisableTorchDispatch = torch._C._DisableTorchDispatch
EnableTorchFunction = torch._C._EnableTorchFunction

is_function_enabled = torch._C._is_torch_function_enabled
function_mode_count = torch._C._len_torch_function_stack
pop_function_mode = torch._C._pop_torch_function_stack
push_function_mode = torch._C._push_on_torch_function_stack

dispatch_mode_count = torch._C._len_torch_dispatch_stack
pop_dispatch_mode = torch._C._pop_torch_dispatch_stack
"""Takes the mode's infra key, or ``None`` for an ordinary mode."""
push_dispatch_mode = torch._C._push_on_torch_dispatch_stack
pop_dispatch_mode_safely = _pop_mode
"""Also finds infra modes (fake, functional, proxy), which have a place of their own."""
without_dispatch_modes = _disable_current_modes
