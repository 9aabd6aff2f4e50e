"""Creates the tensors of specs, and moves inputs to a device."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from modinspect.errors import InputError
from modinspect.inputs.spec import InputSpec, bounds
from modinspect.registered import parameters

SEED = 0


@dataclass(frozen=True, eq=False)
class Inputs:
    """The arguments of ``forward``; ``how`` is their origin (``--input``, ``dummy_inputs of BertModel``)."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    how: str = "--input"
    notes: tuple[str, ...] = ()


def generator() -> torch.Generator:
    """A seeded generator: the same values each time, without touching torch's global state."""
    return torch.Generator(device="cpu").manual_seed(SEED)


def model_dtype(model: nn.Module) -> torch.dtype:
    """The dtype of floating inputs: that of the first floating parameter, or torch's default.

    8-bit floats are skipped: they store weights, but layers don't compute in them.
    """
    floating = (p.dtype for p in parameters(model) if p.dtype.is_floating_point and p.dtype.itemsize > 1)
    return next(floating, torch.get_default_dtype())


def make_tensor(spec: InputSpec, default: torch.dtype, random: torch.Generator, available: int | None = None) -> Tensor:
    """Creates the tensor of a spec, on the CPU.

    Args:
        spec: shape, dtype and fill.
        default: the dtype of a spec that names none.
        random: where random values come from.
        available: bytes of memory that it may take; ``None`` for no limit.

    Raises:
        InputError: it doesn't fit into memory, or torch can't create it.
    """
    dtype: torch.dtype = getattr(torch, spec.dtype) if spec.dtype else default
    _check_memory(spec, dtype, available)
    try:
        return _filled(spec, dtype, random)
    except (RuntimeError, MemoryError, OverflowError, TypeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"torch can't create the input '{spec}': {reason}", "Give other sizes or another dtype.") from error


def place(value: Any, device: torch.device | str, dtype: torch.dtype | None = None) -> Any:
    """Moves the tensors in ``value`` to ``device``, and casts floating ones to ``dtype`` if given.

    Args:
        value: a tensor, or containers with tensors in them
        device: where the tensors go
        dtype: of floating tensors; as they are if not given
    """
    if isinstance(value, PackedSequence):  # its batch sizes stay on the CPU
        moved: PackedSequence = value.to(torch.device(device))  # type: ignore[arg-type]  # typed as if it took dtypes only
        return moved if dtype is None or not value.data.is_floating_point() else moved.to(dtype)
    if isinstance(value, Tensor):
        return value.to(device, dtype) if dtype is not None and value.is_floating_point() else value.to(device)
    if type(value) is dict:
        return {key: place(item, device, dtype) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [place(item, device, dtype) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def _filled(spec: InputSpec, dtype: torch.dtype, random: torch.Generator) -> Tensor:
    continuous = dtype.is_floating_point or dtype.is_complex
    fill = spec.fill or ("randn" if continuous else "zeros")
    if fill in ("zeros", "ones"):
        return torch.full(spec.dims, fill == "ones", dtype=dtype, device="cpu")
    ends = bounds(fill)
    if ends is None:
        sample = torch.randn if fill == "randn" else torch.rand
        return sample(spec.dims, generator=random, dtype=_sampled(dtype), device="cpu").to(dtype)
    if continuous:
        low, high = float(ends[0]), float(ends[1])
        _check_floats(spec, (low, high), dtype)
        return torch.empty(spec.dims, dtype=_sampled(dtype), device="cpu").uniform_(low, high, generator=random).to(dtype)
    return torch.randint(int(ends[0]), int(ends[1]), spec.dims, generator=random, device="cpu").to(dtype)


def _sampled(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which random values are drawn. Narrower dtypes get the same values, rounded."""
    if dtype.is_complex:
        return torch.complex128 if dtype is torch.complex128 else torch.complex64
    return torch.float64 if dtype is torch.float64 else torch.float32


def _check_floats(spec: InputSpec, ends: Iterable[float], dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    for end in ends:
        if abs(end) > largest:
            name = str(dtype).removeprefix("torch.")
            raise InputError(f"the input '{spec}': {end:g} is out of range for {name}", f"The largest one is {largest:g}.")


def _check_memory(spec: InputSpec, dtype: torch.dtype, available: int | None) -> None:
    """Stops before the allocator crashes, or the system kills the process."""
    needed = math.prod(spec.dims) * dtype.itemsize
    if available is not None and needed > available:
        name = str(dtype).removeprefix("torch.")
        message = f"the input '{spec}' needs {_bytes(needed)} as {name}, and {_bytes(available)} are available"
        raise InputError(message, "Give smaller sizes.")


def _bytes(count: int) -> str:
    """``4.0 TB``, or a power of ten beyond a million TB."""
    power, unit = (12, "TB") if count >= 10**12 else (9, "GB")
    shown = count / 10**power
    return f"{shown:.1f} {unit}" if shown < 1e6 else f"{shown:.0e} {unit}"
