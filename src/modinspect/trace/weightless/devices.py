"""On which device an operator's result would be, and which operands it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from modinspect.trace._torch import OpOverload, packet_of
from modinspect.trace.capture import public_name

_ATEN = torch.ops.aten

INDEXING = frozenset({_ATEN.index.Tensor, _ATEN.index_put.default, _ATEN.index_put_.default, _ATEN._unsafe_index.Tensor})

_MIXES_DEVICES = frozenset({
    _ATEN.copy_.default, _ATEN._to_copy.default, _ATEN.index.Tensor, _ATEN.index_put.default, _ATEN.index_put_.default,
    _ATEN.set_.source_Tensor, _ATEN._pack_padded_sequence.default, _ATEN._nested_view_from_jagged.default,
})  # fmt: skip
"""Operators that take operands on several devices."""

_CPU = torch.device("cpu")

DeviceOf: TypeAlias = Callable[[Tensor], torch.device]


def result_device(
    func: OpOverload, tensors: list[Tensor], args: Any, kwargs: dict[str, Any], device_of: DeviceOf, default: torch.device
) -> torch.device:
    """The device of what an operator returns: its argument ``device``, or the operands' device.

    Args:
        func: the operator.
        tensors: its operands.
        args: its positional arguments.
        kwargs: its keyword arguments.
        device_of: returns the device of an operand.
        default: the model's device.

    Raises:
        RuntimeError: as torch, for operands or a generator on another device.
    """
    asked = kwargs.get("device")
    if kwargs.get("generator") is not None:
        _check_generator(kwargs["generator"], asked, [device_of(tensor).type for tensor in tensors])
    if asked is not None:
        return default if torch.device(asked).type in ("meta", default.type) else torch.device(asked)
    if func in INDEXING:
        _check_indices(args, device_of)
    devices = {device_of(tensor) for tensor in tensors if tensor.dim() > 0} or {device_of(tensor) for tensor in tensors}
    if len(devices) < 2:
        return next(iter(devices), default)
    if func not in _MIXES_DEVICES:
        first, second = sorted(devices, key=str)[:2]
        raise RuntimeError(_two_devices(second, first, public_name(packet_of(func))))
    return device_of(tensors[0])


def _check_generator(generator: torch.Generator, asked: Any, operands: list[str]) -> None:
    where = {torch.device(asked).type} if asked is not None else set(operands)
    if where - {generator.device.type, "meta"}:
        raise RuntimeError(f"Expected a '{min(where)}' device type for generator but found '{generator.device.type}'")


def _check_indices(args: Any, device_of: DeviceOf) -> None:
    """Indices may be on the CPU or on the indexed tensor's device."""
    indexed, indices, *values = args
    device = device_of(indexed)
    if any(index is not None and device_of(index) not in (device, _CPU) for index in indices):
        raise RuntimeError(f"indices should be either on cpu or on the same device as the indexed tensor ({device})")
    if values and values[0].dim() > 0 and device_of(values[0]) != device:
        raise RuntimeError(_two_devices(device, device_of(values[0]), "torch.ops.aten.index_put"))


def _two_devices(first: torch.device, second: torch.device, name: str) -> str:
    return f"Expected all tensors to be on the same device, but found at least two devices, {first} and {second}! ({name})"
