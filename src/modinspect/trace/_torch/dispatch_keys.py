"""Keys of the dispatcher: which kernels a call goes through, and which of them are left out in this thread."""

from __future__ import annotations

import functools
from typing import Any

import torch

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse("torch._C.DispatchKey.Python", "The key that sends a call to dispatch modes."),
    PrivateUse("torch._C.DispatchKey.PythonTLSSnapshot", "The key that saves the state of dispatch modes on the way in."),
    PrivateUse("torch._C.DispatchKey.CompositeImplicitAutograd", "The key of operators that are made of others."),
    PrivateUse(
        "torch._C._dispatch_tls_set_dispatch_key_excluded",
        "Leaves out the recorder's dispatch mode for a call of a known kind: a pop and a push take four times as long.",
    ),
    PrivateUse("torch._C._dispatch_tls_is_dispatch_key_excluded", "Restores a key that an interrupted call left excluded."),
    PrivateUse("torch._C._dispatch_has_kernel_for_dispatch_key", "Tells operators that are made of others."),
    PrivateUse("torch._C._PreserveDispatchKeyGuard", "Restores the thread's keys after code that sets them."),
    PrivateUse("torch._C._set_meta_in_tls_dispatch_include", "Undoes the shape rules' switch to meta kernels."),
)

PYTHON_KEY = torch._C.DispatchKey.Python
PYTHON_SNAPSHOT_KEY = torch._C.DispatchKey.PythonTLSSnapshot

exclude_key = torch._C._dispatch_tls_set_dispatch_key_excluded
is_key_excluded = torch._C._dispatch_tls_is_dispatch_key_excluded

PreserveDispatchKeys = torch._C._PreserveDispatchKeyGuard
set_meta_included = torch._C._set_meta_in_tls_dispatch_include


@functools.cache
def is_composite(operator: Any) -> bool:
    """Whether an operator is made of others. Such operators reach dispatch modes whole in inference mode."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(operator.name(), torch._C.DispatchKey.CompositeImplicitAutograd)
