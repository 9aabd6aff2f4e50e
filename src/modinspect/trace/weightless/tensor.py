"""Tensors with shape, dtype and device, but no memory.

A :class:`WeightlessTensor` is a meta tensor that reports another device, as torch's ``FakeTensor`` does and by the same means.
``FakeTensor`` itself is not used: its imports take a third of the time of ``import torch``, and libraries that recognise it run
other code for it than for real tensors.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from modinspect.trace._torch import DISABLED_TORCH_FUNCTION, as_subclass_on
from modinspect.trace.model import flatten
from modinspect.trace.weightless.needs_values import NeedsValues

META = torch.device("meta")


class Mode(Protocol):
    """What a weightless tensor asks of its mode."""

    in_kernel: bool

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs an operator."""


class WeightlessTensor(Tensor):
    """A tensor with shape, dtype and device, but no memory."""

    _mode: Mode
    _on: torch.device
    _view_of: weakref.ref[Tensor] | None
    _value: Tensor | None

    __torch_function__ = DISABLED_TORCH_FUNCTION  # type: ignore[assignment]

    @staticmethod
    def make(
        meta: Tensor, mode: Mode, device: torch.device, *, view_of: Tensor | None = None, value: Tensor | None = None
    ) -> WeightlessTensor:
        """Makes a tensor with the metadata of ``meta`` that reports ``device``.

        Args:
            meta: a meta tensor.
            mode: the mode that runs its operators.
            device: where it would be.
            view_of: the tensor that it is a view of.
            value: a real tensor on the CPU with its values, if they are known.
        """
        made = as_subclass_on(WeightlessTensor, meta, device)
        made._mode = mode
        made._on = device
        made._view_of = None if view_of is None else weakref.ref(view_of)
        made._value = value
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where the tensor would be."""
        return META if self._mode.in_kernel else self._on

    @property
    def _base(self) -> Tensor | None:  # type: ignore[override]
        return None if self._view_of is None else self._view_of()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """Copies a parameter made of it as torch copies parameters."""
        if not getattr(self, "_is_param", False):
            return super().__deepcopy__(memo)  # type: ignore[no-any-return]
        if id(self) not in memo:
            memo[id(self)] = nn.Parameter(self.data.clone(memory_format=torch.preserve_format), self.requires_grad)
        copied: Tensor = memo[id(self)]
        return copied

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Called outside the mode: after the run, or in another thread."""
        kwargs = kwargs or {}
        mode = next(t._mode for _, t in flatten([args, kwargs]) if isinstance(t, WeightlessTensor))
        return mode.__torch_dispatch__(func, types, args, kwargs)


def meta_like(tensor: Tensor) -> Tensor:
    """A meta tensor of the same size, strides and dtype.

    Raises:
        NeedsValues: the tensor is sparse, quantized or nested.
    """
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        raise NeedsValues(f"an operand without memory meets one of layout {tensor.layout}")
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device=META)


def tensors_in(value: Any) -> Iterable[Tensor]:
    """The tensors in an argument of an operator."""
    if isinstance(value, Tensor):
        return (value,)
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors_in(item)]
    return ()
