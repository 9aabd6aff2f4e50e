"""What torch's kernels refuse and its rules for shapes do not: operands of two dtypes, and indices that lead nowhere.

A run without memory would pass over such a mistake, of which a real run says at once that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from modinspect.trace.model import map_tensors

_ATEN = torch.ops.aten

_TRIED = 2**18
"""Elements up to which a kernel is tried on zeros."""

_TAKEN_BY_ALL = frozenset({torch.float32, torch.float64})

_OF_DTYPES = re.compile(r"not implemented for|same dtype|dtypes? match|scalar type|type .* should be the same|mixed dtype")
"""What kernels say of dtypes that they don't take."""


def refuse_dtypes(func: OpOverload, tensors: list[Tensor], device: torch.device, args: Any, kwargs: dict[str, Any]) -> None:
    """Raises the ``RuntimeError`` that the kernel of ``func`` would, for dtypes that it does not take, or not together.

    What is known of an operator is checked first. For all others, kernels of the CPU are tried on zeros, if they are few.
    """
    check = _DTYPES.get(func)
    if check is not None:
        check(func, [arg for arg in args if isinstance(arg, Tensor)])
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()}
    usual = len(dtypes) < 2 and dtypes <= _TAKEN_BY_ALL
    if usual or device.type != "cpu" or not _can_be_tried(func, tensors):
        return
    try:
        func(*map_tensors(_zeros_like, args), **map_tensors(_zeros_like, kwargs))
    except Exception as error:  # others than those of dtypes are for the rule, or for the values
        if _OF_DTYPES.search(str(error)):
            raise


def _can_be_tried(func: OpOverload, tensors: list[Tensor]) -> bool:
    strange = any(tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested for tensor in tensors)
    plain = func.namespace == "aten" and not func.is_view and torch.Tag.nondeterministic_seeded not in func.tags
    return plain and not strange and sum(tensor.numel() for tensor in tensors) <= _TRIED


def _zeros_like(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype).zero_()


def refuse_indices(func: Any, args: Any, value_of: Callable[[Tensor], Tensor | None]) -> None:
    """Raises the error that the kernel of ``func`` would, where the values of its indices are known and some are out of range.

    Args:
        func: the operator.
        args: its arguments.
        value_of: gives the values of a tensor, ``None`` where they are not there.
    """
    find = INDEXED.get(func)
    if find is None:
        return
    for index, size, negative, ignored in find(*args):
        value = value_of(index)
        if value is not None and ignored is not None:
            value = value[value != ignored]
        if value is None or not value.numel():
            continue
        low, high = (int(bound) for bound in torch.aminmax(value))
        if high >= size or low < (-size if negative else 0):
            raise IndexError(f"index {high if high >= size else low} is out of bounds for a size of {size}")


def _alike(func: Any, tensors: list[Tensor]) -> None:
    first = tensors[0].dtype
    other = next((tensor.dtype for tensor in tensors if tensor.dtype != first), first)
    if other != first:
        raise RuntimeError(f"{func._overloadpacket} expected operands of one dtype, but got {first} and {other}")


def _norm(func: Any, tensors: list[Tensor]) -> None:
    """Half precision goes with float32 parameters, all else only with its own dtype."""
    x, *parameters = tensors
    mixed = x.dtype in (torch.float16, torch.bfloat16)
    odd = next((p.dtype for p in parameters if p.dtype != x.dtype and not (mixed and p.dtype == torch.float32)), None)
    if odd is not None:
        raise RuntimeError(f"{func._overloadpacket} expected parameters of {x.dtype}, but got {odd}")


def _destination(func: Any, tensors: list[Tensor]) -> None:
    """What is written has the dtype of what it is written to; indices lie between."""
    _alike(func, [tensors[0], tensors[-1]])


_Indices = Iterable[tuple[Tensor, int, bool, int | None]]
"""(indices, how many there are to choose from, whether negative ones count from the end, one that means none)."""


def _rows(weight: Tensor, ids: Tensor, *_: Any) -> _Indices:
    return [(ids, weight.size(0), False, None)]


def _along(x: Tensor, dim: int, index: Tensor, *_: Any) -> _Indices:
    return [(index, x.size(dim) if x.dim() else 1, False, None)]


def _each(x: Tensor, indices: list[Tensor | None], *_: Any) -> _Indices:
    dim = 0
    for index in indices:
        if index is not None and index.dtype in (torch.bool, torch.uint8):  # a mask stands for several dimensions
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
    """The operators of these names, with an underscore behind them too, as far as this torch has them."""
    packets = [getattr(_ATEN, name + end, None) for name in names.split() for end in ("", "_")]
    return [
        getattr(packet, overload) for packet in packets for overload in overloads if packet and overload in packet.overloads()
    ]


_DTYPES: dict[Any, Callable[[Any, list[Tensor]], None]] = {
    **dict.fromkeys(_overloads("mm addmm bmm baddbmm addbmm mv addmv dot vdot convolution _convolution", "default"), _alike),
    **dict.fromkeys(_overloads("grid_sampler_2d grid_sampler_3d binary_cross_entropy", "default"), _alike),
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
"""The operators that take indices, and where they lead."""
