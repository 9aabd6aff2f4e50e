"""The function mode that ``torch.set_default_device`` enters for the whole process."""

from __future__ import annotations

from typing import Any

import torch

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse("torch._GLOBAL_DEVICE_CONTEXT", "`torch.get_default_device()` can't tell an unset default from `cpu`."),
    PrivateUse(
        "torch._GLOBAL_DEVICE_CONTEXT.device_context",
        "torch 2.6 fails in `get_default_device` if the attribute is left behind as `None`.",
    ),
)


def default_device_mode() -> Any:
    """The mode of the default device; ``None`` if none was set."""
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)


def restore_default_device(mode: Any) -> None:
    """Makes ``mode``, from :func:`default_device_mode`, the default device again."""
    if default_device_mode() is mode:
        return
    torch.set_default_device(None if mode is None else mode.device)
    if mode is None:
        del torch._GLOBAL_DEVICE_CONTEXT.device_context
