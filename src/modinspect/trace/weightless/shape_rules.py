"""Shapes of the commonest operators, so that small models need not wait for what torch imports to work them out.

torch's own rules for shapes are Python that imports sympy and dynamo when first used, which takes as long as half of
``import torch``. These here cover the plain cases of an operator and leave all others to torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_ATEN = torch.ops.aten


def plain_shape(func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor | None:
    """The result of ``func`` on meta tensors where that is plain to see; ``None`` otherwise."""
    rule = _RULES.get(func)
    return rule(*args) if rule is not None and not kwargs else None


def _same(x: Any, *_: Any) -> Tensor | None:
    """An elementwise operator that keeps shape and dtype."""
    plain = isinstance(x, Tensor) and x.is_floating_point() and x.is_contiguous()
    return torch.empty(x.size(), dtype=x.dtype, device="meta") if plain else None


def _two(x: Any, y: Any, *_: Any) -> Tensor | None:
    """An elementwise operator on two tensors alike, or on a floating tensor and a number."""
    number = isinstance(y, (int, float)) and not isinstance(y, bool)
    alike = isinstance(y, Tensor) and (x.size(), x.stride(), x.dtype) == (y.size(), y.stride(), y.dtype)
    return _same(x) if number or alike else None


def _mm(a: Tensor, b: Tensor) -> Tensor | None:
    """(..., M, K) x (..., K, N) is (..., M, N)."""
    fits = a.dim() == b.dim() and a.size(-1) == b.size(-2) and a.size()[:-2] == b.size()[:-2] and a.dtype == b.dtype
    return torch.empty((*a.size()[:-1], b.size(-1)), dtype=a.dtype, device="meta") if fits else None


def _addmm(c: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """(N,) + (M, K) x (K, N) is (M, N)."""
    return _mm(a, b) if c.dtype == a.dtype and c.size() == b.size()[-1:] and a.dim() == 2 else None


_RULES: dict[Any, Callable[..., Tensor | None]] = {
    **{getattr(_ATEN, name).default: _same for name in "relu sigmoid tanh gelu silu neg exp sqrt rsqrt".split()},
    **{getattr(_ATEN, name).Tensor: _two for name in "add sub mul div".split()},
    _ATEN.mm.default: _mm,
    _ATEN.bmm.default: _mm,
    _ATEN.addmm.default: _addmm,
}
