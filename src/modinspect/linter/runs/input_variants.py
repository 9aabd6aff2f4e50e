"""Inputs changed: another batch size, another dtype, another of two samples."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modinspect.linter.rule import Undecided
from modinspect.trace import flatten_all

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""The positional and the keyword arguments of a forward."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch of some arguments: its size, and for each tensor the dimension that it is, ``None`` for one without a batch."""

    size: int
    axes: tuple[int | None, ...]


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


def change(arguments: Arguments, how: Callable[[int, Tensor], Tensor]) -> Arguments:
    """The arguments with ``how`` done to each tensor, which it is told the index of.

    Raises:
        Undecided: a tensor is inside an object that can't be made anew.
    """
    count = 0

    def counted(tensor: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return how(count - 1, tensor)

    args, kwargs = arguments
    changed_args = tuple(_rebuild(value, counted) for value in args)
    changed_kwargs = {name: _rebuild(value, counted) for name, value in kwargs.items()}
    if count != len(tensors_of(arguments)):
        raise Undecided("an input holds tensors in an object that isn't a list, dict or dataclass")
    return changed_args, changed_kwargs


def _rebuild(value: Any, how: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return how(value)
    if type(value) in (list, tuple):
        return type(value)(_rebuild(item, how) for item in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_rebuild(item, how) for item in value))
    if isinstance(value, Mapping):
        return {key: _rebuild(item, how) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inside = {f.name: _rebuild(getattr(value, f.name), how) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **inside)
    return value


def with_batch(arguments: Arguments, batch: Batch, wanted: int) -> Arguments:
    """The arguments with ``wanted`` samples: the first ones, or all of them again and again.

    Args:
        arguments: of the forward
        batch: which of their dimensions are the batch
        wanted: how many samples
    """

    def resized(index: int, tensor: Tensor) -> Tensor:
        axis = batch.axes[index]
        return tensor if axis is None else _repeated(tensor, axis, wanted)

    return change(arguments, resized)


def doubled_everywhere(arguments: Arguments, size: int) -> Arguments:
    """The arguments with each dimension of ``size`` doubled, as a graph's or a set's would be."""

    def resized(_: int, tensor: Tensor) -> Tensor:
        for axis, length in enumerate(tensor.shape):
            if length == size:
                tensor = _repeated(tensor, axis, 2 * size)
        return tensor

    return change(arguments, resized)


def _repeated(tensor: Tensor, axis: int, wanted: int) -> Tensor:
    return tensor.index_select(axis, torch.arange(wanted, device=tensor.device) % tensor.shape[axis])


def floats_as(arguments: Arguments, dtype: torch.dtype) -> Arguments:
    """The arguments with floating tensors of ``dtype``."""
    return change(arguments, lambda _, tensor: tensor.detach().to(dtype) if tensor.is_floating_point() else tensor)


def with_another(arguments: Arguments, batch: Batch, which: int, *, mild: bool) -> Arguments:
    """Two samples, of which sample ``which`` is replaced by another. ``mild`` only moves its values around.

    Args:
        arguments: of the forward
        batch: which of their dimensions are the batch
        which: the index of the sample to replace
        mild: only shuffle the sample's own values
    """
    names = [name for name, _ in tensors_of(arguments)]

    def changed(index: int, tensor: Tensor) -> Tensor:
        axis = batch.axes[index]
        if axis is None or tensor.dtype is torch.bool or "mask" in names[index]:
            return tensor
        samples = list(tensor.unbind(axis))
        samples[which] = _another(samples[which], mild=mild)
        return torch.stack(samples, axis)

    return change(arguments, changed)


def other_values(arguments: Arguments, seed: int, *, beyond: int) -> Arguments:
    """The arguments with other values: floats spread as the given ones are, integers from their range and ``beyond`` it.

    Masks stay as they are.

    Args:
        arguments: of the forward
        seed: of the random numbers
        beyond: how far integers may go beyond the range of the given ones
    """
    generator = torch.Generator().manual_seed(seed)
    names = [name for name, _ in tensors_of(arguments)]

    def changed(index: int, tensor: Tensor) -> Tensor:
        if tensor.dtype is torch.bool or tensor.is_complex() or "mask" in names[index] or not tensor.numel():
            return tensor
        if tensor.is_floating_point():
            spread = float(tensor.float().std()) if tensor.numel() > 1 else 0.0
            values = torch.randn(tensor.shape, generator=generator) * (spread if spread > 0 else 1.0)
            return (values + float(tensor.float().mean())).to(tensor)
        lowest, highest = int(tensor.min()), int(tensor.max())
        return torch.randint(lowest, highest + beyond + 1, tensor.shape, generator=generator).to(tensor)

    return change(arguments, changed)


def _another(sample: Tensor, *, mild: bool) -> Tensor:
    """Other values of the same kind."""
    moved = sample.flatten().roll(1).view_as(sample)
    if sample.is_floating_point() or sample.is_complex():
        if mild:
            return moved * 0.5
        values = torch.randn(sample.shape, generator=torch.Generator().manual_seed(5)).to(sample)
        spread = float(sample.float().std()) if sample.numel() > 1 and not sample.is_complex() else 1.0
        return sample + 3.0 * (spread if spread > 0 else 1.0) * values
    if not mild and not torch.equal(moved, sample):
        return moved
    return torch.where(sample == 0, torch.ones_like(sample), sample - 1)
