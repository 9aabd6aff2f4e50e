"""Devices and dtypes by the names that the command line takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modinspect.errors import InputError, RunError

if TYPE_CHECKING:
    import torch

_DEVICES = "Devices: auto, cpu, cuda, cuda:1, mps, weightless, weightless:cuda (needs no GPU)."
_FLOATING = "Floating-point dtypes: float32, bfloat16, float16, float64."


def real_device(name: str) -> torch.device:
    """A device for a run with real weights.

    Raises:
        RunError: there is no such device, or it can't be used here.
    """
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise RunError(f"the device {name!r} can't be used: {reason}", _DEVICES) from error
    if device.type == "meta":
        raise RunError("tensors on the device 'meta' have no values", f"To run without memory: --device weightless. {_DEVICES}")
    return device


def weightless_device(where: str) -> torch.device:
    """The device that a weightless run pretends to be on: what follows ``weightless:``.

    Raises:
        InputError: weightless runs can't pretend to be there.
    """
    import torch

    if where.partition(":")[0] not in ("", "cpu", "cuda"):
        raise InputError(f"'weightless:{where}' isn't a device", "Use weightless, weightless:cpu or weightless:cuda.")
    return torch.device(where or "cpu") if where != "cuda" else torch.device("cuda:0")


def model_dtype_named(name: str) -> torch.dtype:
    """A dtype for a whole model.

    Raises:
        InputError: it isn't a floating-point dtype, or torch can't make it the default.
    """
    import torch

    from modinspect.inputs import dtype_name

    dtype = getattr(torch, dtype_name(name) or "", None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"{name!r} isn't a floating-point dtype", _FLOATING)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
    except TypeError as error:
        raise InputError(f"{name!r} can't be the dtype of a whole model", _FLOATING) from error
    finally:
        torch.set_default_dtype(before)
    return dtype
