"""Shapes of the commonest operators, worked out without torch's meta kernels.

The first use of a meta kernel imports sympy and dynamo, which takes half as long as ``import torch``. A small model needs only
the operators below. Their plain cases are covered here; torch's meta kernels do the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_ATEN = torch.ops.aten


def plain_shape(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The result of ``func`` on meta tensors in a plain case; ``None`` in any other.

    Args:
        func: the operator
        args: its positional arguments
        kwargs: its arguments by name
    """
    rule = _RULES.get(func)
    return rule(*args) if rule is not None and not kwargs else None


def _same(x: Any, *_: Any) -> Tensor | None:
    """Elementwise: keeps shape and dtype."""
    plain = isinstance(x, Tensor) and x.is_floating_point() and x.is_contiguous()
    return torch.empty(x.size(), dtype=x.dtype, device="meta") if plain else None


def _two(x: Any, y: Any, *_: Any) -> Tensor | None:
    """Elementwise: two tensors of one shape, layout and dtype, or a tensor and a number."""
    number = isinstance(y, (int, float)) and not isinstance(y, bool)
    same = isinstance(y, Tensor) and (x.size(), x.stride(), x.dtype) == (y.size(), y.stride(), y.dtype)
    return _same(x) if number or same else None


def _mm(a: Tensor, b: Tensor) -> Tensor | None:
    """(..., M, K) x (..., K, N) is (..., M, N)."""
    fits = a.dim() == b.dim() and a.size(-1) == b.size(-2) and a.size()[:-2] == b.size()[:-2] and a.dtype == b.dtype
    return torch.empty((*a.size()[:-1], b.size(-1)), dtype=a.dtype, device="meta") if fits else None


def _addmm(c: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """(N,) + (M, K) x (K, N) is (M, N)."""
    return _mm(a, b) if c.dtype == a.dtype and c.size() == b.size()[-1:] and a.dim() == 2 else None


def _gru_cell(_: Tensor, __: Tensor, state: Tensor, *___: Any) -> tuple[Tensor, Tensor]:
    """The new state, and a workspace of five gates for the backward pass. torch has no meta kernel for this one."""
    return state.new_empty(state.size()), state.new_empty((state.size(0), 5 * state.size(1)))


_RULES: dict[Any, Callable[..., Any]] = {
    **{getattr(_ATEN, name).default: _same for name in "relu sigmoid tanh gelu silu neg exp sqrt rsqrt".split()},
    **{getattr(_ATEN, name).Tensor: _two for name in "add sub mul div".split()},
    _ATEN.mm.default: _mm,
    _ATEN.bmm.default: _mm,
    _ATEN.addmm.default: _addmm,
    _ATEN._thnn_fused_gru_cell.default: _gru_cell,
}

GROUPED_MM = getattr(getattr(_ATEN, "_grouped_mm", None), "default", None)
"""``None`` in torch 2.6, which lacks it."""


def grouped_mm(a: Tensor, b: Tensor, *_: Any) -> Tensor:
    """The result of a grouped matmul (torch's meta kernel takes only bfloat16, its CPU kernel more).

    (M, K) x (G, K, N) is (M, N), (G, M, K) x (K, N) is (M, N), (M, K) x (K, N) and (G, M, K) x (G, K, N) are (G, M, N).

    Raises:
        NotImplementedError: (M, K) x (K, N), whose number of groups is in an argument's values.
        RuntimeError: as torch, for strides that the kernel refuses.
    """
    if a.dim() == b.dim() == 2:
        raise NotImplementedError
    for matrix in (a, b):
        if max(matrix.stride()[-2:]) * matrix.element_size() % 16:
            raise RuntimeError("strides should be multiple of 16 bytes")
    shape = (a.size(0), b.size(-1)) if a.dim() == 2 else (a.size(-2), b.size(-1))
    return a.new_empty((a.size(0), *shape) if a.dim() == b.dim() else shape)
