"""Corrects the strides of results where a meta kernel disagrees with the real one.

Meta kernels get all shapes and dtypes right, but a few ignore that operands are channels-last or permuted. A later ``view`` or
``contiguous`` would then behave differently from a real run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modinspect.trace._torch import OpOverload, convolution_memory_format, suggest_memory_format

_ATEN = torch.ops.aten
_META = torch.device("meta")

_SMALL = 2**20
"""An operator is run on zeros, to see the strides, if its operands have at most so many elements."""


class LayoutUnknown(Exception):
    """Only running the operator would tell its result's strides."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of an operator; ``out`` is the meta kernel's result."""

    func: OpOverload
    args: Any
    kwargs: dict[str, Any]
    out: Any
    device: torch.device


def laid_out(func: OpOverload, args: Any, kwargs: dict[str, Any], out: Any, device: torch.device) -> Any:
    """The meta kernel's result ``out`` with the strides that ``func`` gives it on ``device``.

    Args:
        func: the operator
        args: its positional arguments
        kwargs: its arguments by name
        out: the meta kernel's result
        device: which the run stands for

    Raises:
        LayoutUnknown: only running the operator would tell.
    """
    rule = _RULES.get(func)
    return out if rule is None else rule(_Call(func, args, kwargs, out, device))


def _convolution(call: _Call) -> Tensor:
    """Channels-last if the backend of the convolution chooses so."""
    x, weight = call.args[0], call.args[1]
    if weight.dim() == 3:  # torch runs it as a 2d convolution
        return _convolution(_in_two_dimensions(call)).squeeze(2) if x.dim() == 3 else call.out
    if call.device.type == "cpu":
        memory_format = convolution_memory_format(call.args)
    else:
        formats = {suggest_memory_format(x), suggest_memory_format(weight)} - {torch.contiguous_format}
        memory_format = formats.pop() if formats else torch.contiguous_format
    return _in_format(call.out, memory_format)


def _in_two_dimensions(call: _Call) -> _Call:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, *others = call.args
    args = (
        *(x.contiguous().unsqueeze(2), weight.unsqueeze(2), bias),
        *([1, *stride], [0, *padding], [1, *dilation], transposed, [0, *output_padding], *others),
    )
    return _Call(call.func, args, call.kwargs, call.out.unsqueeze(2), call.device)


def _as_input(call: _Call) -> Any:
    """Channels-last if the input is, otherwise contiguous."""
    memory_format = suggest_memory_format(call.args[0])
    if isinstance(call.out, Tensor):
        return _in_format(call.out, memory_format)
    return (_in_format(call.out[0], memory_format), *call.out[1:])


def _as_input_on_cpu(call: _Call) -> Any:
    return _as_input(call) if call.device.type == "cpu" else call.out


def _contiguous(call: _Call) -> Tensor:
    return _in_format(call.out, torch.contiguous_format)


def _pointwise(call: _Call) -> Tensor:
    """Like addition, whose meta kernel is the C++ one and not a Python rewrite."""
    strides = torch.add(*(_meta_like(value, call.out.dtype) for value in call.args[:2])).stride()
    return torch.empty_strided(call.out.size(), strides, dtype=call.out.dtype, device=_META)


def _on_zeros(call: _Call) -> Any:
    """As a run of the operator on zeros."""
    if sum(value.numel() for value in call.args if isinstance(value, Tensor)) > _SMALL:
        raise LayoutUnknown
    zeros = [_zeros_like(value) if isinstance(value, Tensor) else value for value in call.args]
    made = call.func(*zeros, **call.kwargs)
    return _meta_like(made) if isinstance(made, Tensor) else tuple(_meta_like(value) for value in made)


def _in_format(tensor: Tensor, memory_format: torch.memory_format) -> Tensor:
    return torch.empty(tensor.size(), dtype=tensor.dtype, device=_META, memory_format=memory_format)


def _meta_like(value: Any, dtype: torch.dtype | None = None) -> Any:
    if not isinstance(value, Tensor):
        return value
    return torch.empty_strided(value.size(), value.stride(), dtype=dtype or value.dtype, device=_META)


def _zeros_like(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype).zero_()


_RULES: dict[OpOverload, Callable[[_Call], Any]] = {
    _ATEN.convolution.default: _convolution,
    _ATEN._convolution.default: _convolution,
    **dict.fromkeys((
        _ATEN.native_batch_norm.default, _ATEN._native_batch_norm_legit.default, _ATEN._native_batch_norm_legit.no_stats,
        _ATEN._native_batch_norm_legit_no_training.default, _ATEN._batch_norm_with_update.default,
        _ATEN._batch_norm_no_update.default,
        _ATEN.reflection_pad2d.default, _ATEN.reflection_pad3d.default, _ATEN.replication_pad2d.default,
        _ATEN.replication_pad3d.default, _ATEN.max_unpool2d.default,
    ), _as_input),
    **dict.fromkeys((
        _ATEN.pixel_shuffle.default, _ATEN.pixel_unshuffle.default, _ATEN.channel_shuffle.default,
    ), _as_input_on_cpu),
    **dict.fromkeys((
        _ATEN.pow.Scalar, _ATEN.normal.Tensor_Tensor, _ATEN.normal.Tensor_float, _ATEN.normal.float_Tensor,
    ), _contiguous),
    **dict.fromkeys((
        _ATEN.copysign.Tensor, _ATEN.copysign.Scalar, _ATEN.div.Tensor_mode, _ATEN.div.Scalar_mode,
        _ATEN.floor_divide.default, _ATEN.floor_divide.Scalar, _ATEN.heaviside.default, _ATEN.logaddexp.default,
        _ATEN.logaddexp2.default, _ATEN.logical_and.default, _ATEN.logical_or.default, _ATEN.logical_xor.default,
        _ATEN.xlogy.Tensor, _ATEN.special_xlog1py.default,
    ), _pointwise),
    **dict.fromkeys((
        _ATEN._fft_r2c.default, _ATEN._fft_c2r.default, _ATEN._fft_c2c.default, _ATEN._linalg_svd.default,
        _ATEN._linalg_eigh.default, _ATEN.linalg_eig.default, _ATEN.linalg_qr.default, _ATEN.nonzero_static.default,
    ), _on_zeros),
}  # fmt: skip
