"""After each test of the engine, nothing of it may be left in the process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn.modules import module as nn_module
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch.utils.checkpoint import CheckpointFunction


def _code_of(method: Any) -> Any:
    function = getattr(method, "__func__", None)  # since torch 2.15 it is written in C
    return vars(torch.autograd.Function)["apply"] if function is None else vars(function) | {"code": function.__code__}


def traces_in_the_process() -> dict[str, Any]:
    """All that an inspection changes while it runs."""
    return {
        "global pre-hooks": dict(nn_module._global_forward_pre_hooks),
        "global hooks": dict(nn_module._global_forward_hooks),
        "always called": dict(nn_module._global_forward_hooks_always_called),
        "autograd.Function.apply": torch.autograd.Function.__dict__["apply"],
        "its code": _code_of(torch.autograd.Function.apply),
        "an autograd.Function": dict(vars(CheckpointFunction)),
        "its metaclass": dict(vars(type(CheckpointFunction))),
        "nn.Module.__call__": nn_module.Module.__call__,
        "torch.jit.ScriptFunction.__call__": vars(torch.jit.ScriptFunction)["__call__"],
        "torch.compile": torch.compile,
        "nn.Parameter.__new__": vars(torch.nn.Parameter)["__new__"],
        "handle_torch_function": [
            home.handle_torch_function for home in (torch.nn.functional, torch.functional, torch._tensor)
        ],
        "dispatch keys": str(torch._C._dispatch_tls_local_exclude_set()) + str(torch._C._dispatch_tls_local_include_set()),
        "garbage collector": (gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": len(_get_current_dispatch_mode_stack()),
        "grad mode": torch.is_grad_enabled(),
        "fastpath": torch.backends.mha.get_fastpath_enabled(),
        "recursion limit": sys.getrecursionlimit(),
        # torch 2.6 can't say its default device once it was set to None
        "default device": str(getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) and torch.get_default_device()),
        "default dtype": torch.get_default_dtype(),
    }


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    torch.manual_seed(0)
    before = traces_in_the_process()
    yield
    assert traces_in_the_process() == before
