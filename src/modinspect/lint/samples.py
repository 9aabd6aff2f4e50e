"""Inputs changed: another batch size, another dtype, another second sample."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from modinspect.lint.rule import Undecided
from modinspect.trace.tensors import flatten_all

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""The positional and the keyword arguments of a forward."""


def tensors_of(arguments: Arguments) -> list[tuple[str, Tensor]]:
    """(name, tensor) of all tensors among the arguments."""
    args, kwargs = arguments
    return [*flatten_all(args), *flatten_all(kwargs)]


def fresh(arguments: Arguments) -> Arguments:
    """The same tensors in new containers: a cache that one forward fills is not full for the next."""
    memo = {id(tensor): tensor for _, tensor in tensors_of(arguments)}
    try:
        return copy.deepcopy(arguments, memo)
    except Exception:  # objects that can't be copied are handed on as they are, as a plain call would
        return arguments


def change(arguments: Arguments, how: Callable[[Tensor], Tensor]) -> Arguments:
    """The arguments with ``how`` done to each tensor.

    Raises:
        Undecided: a tensor is inside an object that can't be made anew.
    """
    seen: list[int] = []

    def counted(tensor: Tensor) -> Tensor:
        seen.append(id(tensor))
        return how(tensor)

    args, kwargs = arguments
    changed = (
        tuple(_rebuild(value, counted) for value in args),
        {name: _rebuild(value, counted) for name, value in kwargs.items()},
    )
    if len(seen) != len(tensors_of(arguments)):
        raise Undecided("an input holds tensors in an object that is no list, dict or dataclass")
    return changed


def _rebuild(value: Any, how: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return how(value)
    if type(value) in (list, tuple):
        return type(value)(_rebuild(item, how) for item in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_rebuild(item, how) for item in value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inside = {f.name: _rebuild(getattr(value, f.name), how) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **inside)
    if isinstance(value, Mapping):
        return {key: _rebuild(item, how) for key, item in value.items()}
    return value


def is_batched(tensor: Tensor, axis: int, size: int) -> bool:
    """Whether ``tensor`` holds one entry a sample; others (a scalar, one of size 1 that broadcasts) are left as they are."""
    return tensor.dim() > axis and tensor.shape[axis] == size


def with_batch(arguments: Arguments, axis: int, size: int, wanted: int) -> Arguments:
    """The arguments with ``wanted`` samples instead of ``size``: the first ones, or all of them again and again."""

    def resized(tensor: Tensor) -> Tensor:
        if not is_batched(tensor, axis, size):
            return tensor
        return tensor.index_select(axis, torch.arange(wanted, device=tensor.device) % size)

    return change(arguments, resized)


def doubled_everywhere(arguments: Arguments, size: int) -> Arguments:
    """The arguments with each dimension of ``size`` doubled, as a graph's or a set's would be."""

    def resized(tensor: Tensor) -> Tensor:
        for axis, length in enumerate(tensor.shape):
            if length == size:
                tensor = tensor.index_select(axis, torch.arange(2 * size, device=tensor.device) % size)
        return tensor

    return change(arguments, resized)


def floats_as(arguments: Arguments, dtype: torch.dtype) -> Arguments:
    """The arguments with floating tensors of ``dtype``."""
    return change(arguments, lambda tensor: tensor.detach().to(dtype) if tensor.is_floating_point() else tensor)


def with_another(arguments: Arguments, axis: int, which: int, *, mild: bool) -> Arguments:
    """Two samples, of which sample ``which`` is replaced by another. ``mild`` only moves its values around."""

    def changed(name: str, tensor: Tensor) -> Tensor:
        if not is_batched(tensor, axis, 2) or tensor.dtype is torch.bool or "mask" in name:
            return tensor
        samples = list(tensor.unbind(axis))
        samples[which] = _another(samples[which], mild=mild)
        return torch.stack(samples, axis)

    names = iter([name for name, _ in tensors_of(arguments)])
    return change(arguments, lambda tensor: changed(next(names), tensor))


def _another(sample: Tensor, *, mild: bool) -> Tensor:
    """Other values of the same kind."""
    moved = sample.flatten().roll(1).view_as(sample) if sample.numel() else sample
    if sample.is_floating_point() or sample.is_complex():
        if mild:
            return moved * 0.5
        values = torch.randn(sample.shape, generator=torch.Generator().manual_seed(5)).to(sample)
        spread = float(sample.float().std()) if sample.numel() > 1 and not sample.is_complex() else 1.0
        return sample + 3.0 * (spread if spread > 0 else 1.0) * values
    if not mild and not torch.equal(moved, sample):
        return moved
    return torch.where(sample == 0, torch.ones_like(sample), sample - 1)
