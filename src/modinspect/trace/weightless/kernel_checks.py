"""Checks that real kernels make and meta kernels don't: dtypes of operands, and indices out of range.

Without them a run without memory would miss mistakes that a real run reports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from modinspect.trace._torch import OpOverload, packet_of
from modinspect.trace.model import map_tensors

_ATEN = torch.ops.aten

_TRIED = 2**18
"""A kernel is tried on zeros if its operands have at most so many elements."""

_SUPPORTED_BY_ALL = frozenset({torch.float32, torch.float64})

_ABOUT_DTYPES = re.compile(r"not implemented for|same dtype|dtypes? match|scalar type|type .* should be the same|mixed dtype")
"""Error messages of kernels about dtypes they don't support."""


def refuse_dtypes(func: OpOverload, tensors: list[Tensor], device: torch.device, args: Any, kwargs: dict[str, Any]) -> None:
    """Raises the ``RuntimeError`` of the real kernel for dtypes it doesn't support, or not in this combination.

    Operators in ``_DTYPES`` are checked by rule. The CPU kernels of others are tried on zeros if the operands are small.

    Args:
        func: the operator
        tensors: its operands
        device: which the run stands for
        args: its positional arguments
        kwargs: its arguments by name
    """
    check = _DTYPES.get(func)
    if check is not None:
        check(func, [arg for arg in args if isinstance(arg, Tensor)])
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()}
    supported = len(dtypes) < 2 and dtypes <= _SUPPORTED_BY_ALL
    if supported or device.type != "cpu" or not _can_be_tried(func, tensors):
        return
    try:
        func(*map_tensors(_zeros_like, args), **map_tensors(_zeros_like, kwargs))
    except Exception as error:  # all other errors come from the zeros, or the meta kernel raises them
        if _ABOUT_DTYPES.search(str(error)):
            raise


def _can_be_tried(func: OpOverload, tensors: list[Tensor]) -> bool:
    unusual = any(tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested for tensor in tensors)
    plain = func.namespace == "aten" and not func.is_view and torch.Tag.nondeterministic_seeded not in func.tags
    return plain and not unusual and sum(tensor.numel() for tensor in tensors) <= _TRIED


def _zeros_like(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype).zero_()


def refuse_indices(func: Any, args: Any, value_of: Callable[[Tensor], Tensor | None]) -> None:
    """Raises the ``IndexError`` of the real kernel if indices with known values are out of range.

    Args:
        func: the operator.
        args: its arguments.
        value_of: returns a real tensor with the values of a tensor; ``None`` if they are unknown.
    """
    indices_of = INDEXED.get(func)
    if indices_of is None:
        return
    for index, size, negative, ignored in indices_of(*args):
        value = value_of(index)
        if value is not None and ignored is not None:
            value = value[value != ignored]
        if value is None or not value.numel():
            continue
        low, high = (int(bound) for bound in torch.aminmax(value))
        if high >= size or low < (-size if negative else 0):
            raise IndexError(f"index {high if high >= size else low} is out of bounds for a size of {size}")


def _same_dtype(func: Any, tensors: list[Tensor]) -> None:
    first = tensors[0].dtype
    other = next((tensor.dtype for tensor in tensors if tensor.dtype != first), first)
    if other != first:
        raise RuntimeError(f"{packet_of(func)} expected operands of one dtype, but got {first} and {other}")


def _norm(func: Any, tensors: list[Tensor]) -> None:
    """Parameters have the input's dtype; with half precision they may be float32."""
    x, *parameters = tensors
    mixed = x.dtype in (torch.float16, torch.bfloat16)
    odd = next((p.dtype for p in parameters if p.dtype != x.dtype and not (mixed and p.dtype == torch.float32)), None)
    if odd is not None:
        raise RuntimeError(f"{packet_of(func)} expected parameters of {x.dtype}, but got {odd}")


def _destination(func: Any, tensors: list[Tensor]) -> None:
    """The source, the last operand, has the dtype of the destination, the first."""
    _same_dtype(func, [tensors[0], tensors[-1]])


_Indices = Iterable[tuple[Tensor, int, bool, int | None]]
"""(index tensor, size of the dimension, whether negative indices count from the end, an index to ignore)."""


def _rows(weight: Tensor, ids: Tensor, *_: Any) -> _Indices:
    return [(ids, weight.size(0), False, None)]


def _along(x: Tensor, dim: int, index: Tensor, *_: Any) -> _Indices:
    return [(index, x.size(dim) if x.dim() else 1, False, None)]


def _each(x: Tensor, indices: list[Tensor | None], *_: Any) -> _Indices:
    dim = 0
    for index in indices:
        if index is not None and index.dtype in (torch.bool, torch.uint8):  # a mask indexes several dimensions
            dim += index.dim()
            continue
        if index is not None:
            yield index, x.size(dim), True, None
        dim += 1


def _anywhere(x: Tensor, index: Tensor) -> _Indices:
    return [(index, x.numel(), True, None)]


def _classes(x: Tensor, target: Tensor, *options: Any) -> _Indices:
    return [(target, x.size(1 if x.dim() > 1 else 0), False, options[-1])]


def _overloads(names: str, *overloads: str) -> list[Any]:
    """The operators of these names and their in-place variants, if this version of torch has them."""
    packets = [getattr(_ATEN, name + end, None) for name in names.split() for end in ("", "_")]
    return [
        getattr(packet, overload) for packet in packets for overload in overloads if packet and overload in packet.overloads()
    ]


_DTYPES: dict[Any, Callable[[Any, list[Tensor]], None]] = {
    **dict.fromkeys(
        _overloads("mm addmm bmm baddbmm addbmm mv addmv dot vdot convolution _convolution", "default"), _same_dtype
    ),
    **dict.fromkeys(_overloads("grid_sampler_2d grid_sampler_3d binary_cross_entropy", "default"), _same_dtype),
    **dict.fromkeys(_overloads("native_layer_norm native_group_norm native_batch_norm", "default"), _norm),
    **dict.fromkeys(_overloads("index_put index_copy index_add", "default"), _destination),
}

INDEXED: dict[Any, Callable[..., _Indices]] = {
    **dict.fromkeys(_overloads("embedding _embedding_bag _embedding_bag_forward_only", "default"), _rows),
    **dict.fromkeys(_overloads("index_select gather index_copy index_add", "default"), _along),
    **dict.fromkeys(
        _overloads(
            "scatter scatter_add scatter_reduce index_fill index_reduce",
            *("default", "src", "value", "reduce", "value_reduce", "two", "int_Scalar", "int_Tensor"),
        ),
        _along,
    ),
    **dict.fromkeys(_overloads("index _unsafe_index", "Tensor"), _each),
    **dict.fromkeys(_overloads("index_put", "default"), _each),
    **dict.fromkeys(_overloads("take", "default"), _anywhere),
    **dict.fromkeys(_overloads("nll_loss_forward nll_loss2d_forward", "default"), _classes),
}
"""Operators that take indices, each with a function that lists them."""
