"""Layouts that torch's rules for shapes get wrong: how operators lay out what they make, where it is not as those rules say.

Shapes and dtypes are right everywhere, but a few rules forget about channels-last and permuted operands. A ``view`` or
``contiguous`` further on would then do another thing than in a real run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._prims_common import suggest_memory_format

_ATEN = torch.ops.aten
_META = torch.device("meta")

_SMALL = 2**20
"""Elements up to which an operator is run on zeros to see how it lays out what it makes."""


class LayoutUnknown(Exception):
    """How the operator lays out its result can't be told without running it."""


@dataclass(frozen=True, slots=True)
class _Ran:
    """An operator with what it got and what the rule for shapes gave."""

    func: OpOverload
    args: Any
    kwargs: dict[str, Any]
    out: Any
    device: torch.device


def laid_out(func: OpOverload, args: Any, kwargs: dict[str, Any], out: Any, device: torch.device) -> Any:
    """``out``, what the rule for shapes gave, laid out as the operator does it on ``device``.

    Raises:
        LayoutUnknown: it would have to be run.
    """
    rule = _RULES.get(func)
    return out if rule is None else rule(_Ran(func, args, kwargs, out, device))


def _convolution(ran: _Ran) -> Tensor:
    """Convolutions give channels-last results where the operands are, as their backend says."""
    x, weight = ran.args[0], ran.args[1]
    if weight.dim() == 3:  # done as one of two dimensions
        return _convolution(_in_two_dimensions(ran)).squeeze(2) if x.dim() == 3 else ran.out
    if ran.device.type == "cpu":
        backend = torch._C._select_conv_backend(*ran.args)
        memory_format = torch._C._conv_determine_backend_memory_format(x, weight, backend)
    else:
        formats = {suggest_memory_format(x), suggest_memory_format(weight)} - {torch.contiguous_format}
        memory_format = formats.pop() if formats else torch.contiguous_format
    return _in_format(ran.out, memory_format)


def _in_two_dimensions(ran: _Ran) -> _Ran:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, *others = ran.args
    args = (
        *(x.contiguous().unsqueeze(2), weight.unsqueeze(2), bias),
        *([1, *stride], [0, *padding], [1, *dilation], transposed, [0, *output_padding], *others),
    )
    return _Ran(ran.func, args, ran.kwargs, ran.out.unsqueeze(2), ran.device)


def _as_input(ran: _Ran) -> Any:
    """Channels-last operands give channels-last results, any others contiguous ones."""
    memory_format = suggest_memory_format(ran.args[0])
    if isinstance(ran.out, Tensor):
        return _in_format(ran.out, memory_format)
    return (_in_format(ran.out[0], memory_format), *ran.out[1:])


def _as_input_on_cpu(ran: _Ran) -> Any:
    return _as_input(ran) if ran.device.type == "cpu" else ran.out


def _contiguous(ran: _Ran) -> Tensor:
    return _in_format(ran.out, torch.contiguous_format)


def _pointwise(ran: _Ran) -> Tensor:
    """As addition lays out its result, whose rule is torch's own and no rewriting of it in Python."""
    strides = torch.add(*(_meta_like(value, ran.out.dtype) for value in ran.args[:2])).stride()
    return torch.empty_strided(ran.out.size(), strides, dtype=ran.out.dtype, device=_META)


def _on_zeros(ran: _Ran) -> Any:
    """As the operator itself does it, on zeros."""
    if sum(value.numel() for value in ran.args if isinstance(value, Tensor)) > _SMALL:
        raise LayoutUnknown
    zeros = [_zeros_like(value) if isinstance(value, Tensor) else value for value in ran.args]
    made = ran.func(*zeros, **ran.kwargs)
    return _meta_like(made) if isinstance(made, Tensor) else tuple(_meta_like(value) for value in made)


def _in_format(tensor: Tensor, memory_format: torch.memory_format) -> Tensor:
    return torch.empty(tensor.size(), dtype=tensor.dtype, device=_META, memory_format=memory_format)


def _meta_like(value: Any, dtype: torch.dtype | None = None) -> Any:
    if not isinstance(value, Tensor):
        return value
    return torch.empty_strided(value.size(), value.stride(), dtype=dtype or value.dtype, device=_META)


def _zeros_like(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype).zero_()


_RULES: dict[OpOverload, Callable[[_Ran], Any]] = {
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
