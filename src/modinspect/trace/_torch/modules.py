"""Private state of modules: which buffers are saved, and what quantized modules keep outside their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from modinspect.trace._torch.modes import without_dispatch_modes
from modinspect.trace._torch.private import PrivateUse

USES = (PrivateUse("Module._non_persistent_buffers_set", "Tells which buffers `state_dict()` leaves out."),)


_ScriptObject = torch.ScriptObject


def is_persistent(module: nn.Module, name: str) -> bool:
    """Whether ``state_dict()`` saves the buffer ``name`` of ``module``."""
    try:
        return name not in module._non_persistent_buffers_set
    except AttributeError:  # created by an older torch
        return True


def packed_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of the weights and biases that a quantized module keeps in packed script objects of its own."""
    for value in list(vars(module).values()):
        if type(value) is _ScriptObject:
            yield from _unpacked(value)


def _unpacked(packed: Any, suffix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Linear and convolutional layers unpack to (weight, bias); recurrent ones have two such objects in their state."""
    if hasattr(packed, "unpack"):
        names = (f"weight{suffix}", f"bias{suffix}")
        with without_dispatch_modes():  # it runs operators that are not the model's
            tensors = packed.unpack()
        yield from ((name, tensor) for name, tensor in zip(names, tensors, strict=False) if tensor is not None)
        return
    try:
        state = packed.__getstate__()
    except (AttributeError, RuntimeError):  # a script object without a state
        return
    inner = [item for item in _leaves(state) if type(item) is _ScriptObject]
    for name, item in zip(("_ih", "_hh"), inner, strict=False):
        yield from _unpacked(item, name)


def packed_weight(packed: Any) -> Tensor | None:
    """The weight in the packed script object of a quantized layer."""
    return next((tensor for name, tensor in _unpacked(packed) if name == "weight"), None)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
