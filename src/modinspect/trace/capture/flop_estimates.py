"""Our own FLOP formulas, for operators that torch's counter leaves out or counts as something else.

One multiply-add is 2 FLOPs, and elementwise work is 0, as in ``torch.utils.flop_counter``. A complex multiply-add is 8: four
products and two sums for the product, two sums to add it. ``docs/flops.md`` lists the formulas and their sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from modinspect.trace._torch import SPARSE_PARTS, HigherOrderOperator, packed_weight, packet_of, without_dispatch_modes

Formula = Callable[..., int | None]

_ATEN = torch.ops.aten
_COMPLEX = 4
"""FLOPs of a complex multiply-add by those of a real one."""


def estimate_flops(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, counted: int | None) -> int | None:
    """The FLOPs of an operator by our own formula, or else as they were counted.

    Args:
        func: the operator.
        args: its positional arguments.
        kwargs: its keyword arguments.
        out: its result.
        counted: what torch's counter says; ``None`` if it has no formula.

    Returns:
        The FLOPs; ``None`` if there is no formula.
    """
    if isinstance(func, HigherOrderOperator):
        formula = _HIGHER_ORDER.get(func.name())
        return counted if formula is None else formula(*args, out=out)
    namespace, name = func.namespace, packet_of(func).__name__
    operands = [value for value in args if isinstance(value, Tensor)]
    if name in _PRODUCTS and any(tensor.layout in SPARSE_PARTS for tensor in operands):
        flops = _sparse_product(*operands[-2:])
    elif counted is None and (namespace, name) in _FORMULAS:
        flops = _FORMULAS[namespace, name](*args, out=out, **kwargs)
    else:
        flops = counted
    is_complex = (name in _PRODUCTS or name in _COMPLEX_PRODUCTS) and any(tensor.is_complex() for tensor in operands)
    return _COMPLEX * flops if flops and is_complex else flops


_PRODUCTS = frozenset({"mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "_sparse_mm", "_sparse_addmm"})
"""The last two operands of these are multiplied."""


def _sparse_product(a: Tensor, b: Tensor) -> int | None:
    """Each stored element of the sparse operand is multiplied with a row or column of the dense one."""
    if a.layout in SPARSE_PARTS and b.layout in SPARSE_PARTS:
        return None  # depends on where their elements meet
    sparse, others = (a, b.size(-1) if b.dim() > 1 else 1) if a.layout in SPARSE_PARTS else (b, a.size(-2))
    with without_dispatch_modes():  # an operator of ours, not of the model's
        stored = SPARSE_PARTS[sparse.layout][0](sparse).numel()
    return 2 * stored * others


# -- recurrent layers: each step multiplies every weight matrix with a row of the batch


def _rows(x: Tensor) -> int:
    """Steps times batch: of a padded sequence (T, B, features) or a packed one (rows, features)."""
    return math.prod(x.size()[:-1])


def _matrices(weights: Any) -> int:
    return sum(weight.numel() for weight in weights if weight.dim() == 2)


def _rnn(x: Tensor, *args: Any, **_: Any) -> int:
    """``aten.lstm``, ``gru`` and ``rnn_*``: the weights are the first list after the state."""
    weights = next(value for value in args[1:] if isinstance(value, (list, tuple)))
    return 2 * _rows(x) * _matrices(weights)


def _cudnn_rnn(x: Tensor, weights: Any, *_: Any, **__: Any) -> int:
    return 2 * _rows(x) * _matrices(weights)


def _mkldnn_rnn_layer(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, *_: Any, **__: Any) -> int:
    return 2 * _rows(x) * (weight_ih.numel() + weight_hh.numel())


# -- products


def _mv(a: Tensor, _: Tensor, **__: Any) -> int:
    return 2 * a.numel()


def _addmv(_: Tensor, a: Tensor, __: Tensor, **___: Any) -> int:
    return 2 * a.numel()


def _dot(a: Tensor, _: Tensor, **__: Any) -> int:
    return 2 * a.numel()


def _addbmm(_: Tensor, a: Tensor, b: Tensor, **__: Any) -> int:
    return 2 * a.numel() * b.size(-1)


def _mm(a: Tensor, *_: Any, out: Tensor, **__: Any) -> int:
    """(M, K) by a packed or narrow weight is (M, N)."""
    return 2 * out.numel() * a.size(-1)


def _grouped_mm(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """Each row or column belongs to one group, so that groups don't multiply the work of a 2d operand."""
    return 2 * a.numel() * b.size(-1)


def _trilinear(a: Tensor, b: Tensor, c: Tensor, *_: Any, out: Tensor, **__: Any) -> int:
    """``F.bilinear``: (N, I) x (O, I, J) is (N, O, J), and that times (N, J) is (N, O)."""
    return 2 * a.size(0) * b.numel() + 2 * out.numel() * c.size(-1)


def _quantized(_: Tensor, packed: Any, *__: Any, out: Tensor, **___: Any) -> int | None:
    """A quantized linear layer or convolution: its weight is (out, in / groups, *kernel)."""
    weight = packed_weight(packed)
    return None if weight is None else 2 * out.numel() * math.prod(weight.size()[1:])


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Scores and their product with the values: (..., S, D) x (..., D, T) and (..., S, T) x (..., T, E)."""
    scores = math.prod(query.size()[:-1]) * key.size(-2)
    return 2 * scores * query.size(-1) + 2 * scores * value.size(-1)


# -- Fourier transforms: 5 N log2 N for a complex one of length N, half of that for a real one (FFTW's convention)


def _fft_c2c(x: Tensor, dims: Any, *_: Any, **__: Any) -> int:
    return round(5 * x.numel() * math.log2(max(1, math.prod(x.size(dim) for dim in dims))))


def _fft_r2c(x: Tensor, dims: Any, *_: Any, **__: Any) -> int:
    return _fft_c2c(x, dims) // 2


def _fft_c2r(_: Tensor, dims: Any, *__: Any, out: Tensor, **___: Any) -> int:
    return _fft_c2c(out, dims) // 2


# -- dense linear algebra: leading terms of LAPACK Working Note 41, for square matrices of n rows


def _cubic(numerator: int, denominator: int = 1) -> Formula:
    def flops(a: Tensor, *_: Any, **__: Any) -> int:
        return round(numerator * math.prod(a.size()) * a.size(-1) / denominator)

    return flops


def _solve(a: Tensor, *_: Any, out: Any, **__: Any) -> int:
    """LU and two triangular solves for each column."""
    columns: int = math.prod(out[0].size()) // a.size(-1)
    return round(2 * math.prod(a.size()) * a.size(-1) / 3) + 2 * a.size(-1) ** 2 * columns


def _solve_triangular(a: Tensor, *_: Any, out: Tensor, **__: Any) -> int:
    return a.size(-1) * out.numel()


def _cholesky_solve(b: Tensor, factor: Tensor, *_: Any, **__: Any) -> int:
    return 2 * factor.size(-1) * b.numel()


def _twin(packet: Any) -> Formula:
    """The formula that torch has for the same operator elsewhere."""

    def flops(*args: Any, out: Any, **kwargs: Any) -> int:
        return int(flop_registry[packet](*args, **kwargs, out_val=out))

    return flops


_FORMULAS: dict[tuple[str, str], Formula] = {
    **{("aten", name): _rnn for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
    ("aten", "_cudnn_rnn"): _cudnn_rnn,
    ("aten", "miopen_rnn"): _cudnn_rnn,
    ("aten", "mkldnn_rnn_layer"): _mkldnn_rnn_layer,
    ("aten", "mv"): _mv,
    ("aten", "addmv"): _addmv,
    ("aten", "dot"): _dot,
    ("aten", "vdot"): _dot,
    ("aten", "addbmm"): _addbmm,
    **{("aten", name): _mm for name in ("_int_mm", "_weight_int8pack_mm", "_weight_int4pack_mm")},
    **{("aten", name): _grouped_mm for name in ("_grouped_mm", "_scaled_grouped_mm")},
    ("aten", "_trilinear"): _trilinear,
    **{("quantized", name): _quantized for name in ("linear", "linear_relu", "linear_dynamic", "linear_relu_dynamic")},
    **{("quantized", f"conv{dims}d{end}"): _quantized for dims in (1, 2, 3) for end in ("", "_relu")},
    ("aten", "_scaled_dot_product_flash_attention_for_cpu"): _twin(_ATEN._scaled_dot_product_flash_attention),
    ("aten", "_scaled_dot_product_attention_math_for_mps"): _attention,
    ("aten", "_scaled_dot_product_fused_attention_overrideable"): _attention,
    ("aten", "_fft_c2c"): _fft_c2c,
    ("aten", "_fft_r2c"): _fft_r2c,
    ("aten", "_fft_c2r"): _fft_c2r,
    ("aten", "linalg_inv_ex"): _cubic(2),
    ("aten", "linalg_cholesky_ex"): _cubic(1, 3),
    ("aten", "linalg_lu_factor_ex"): _cubic(2, 3),
    ("aten", "_linalg_det"): _cubic(2, 3),
    ("aten", "_linalg_slogdet"): _cubic(2, 3),
    ("aten", "_linalg_solve_ex"): _solve,
    ("aten", "linalg_solve_triangular"): _solve_triangular,
    ("aten", "cholesky_solve"): _cholesky_solve,
}
_HIGHER_ORDER: dict[str, Formula] = {"flex_attention": _attention}
_COMPLEX_PRODUCTS = frozenset(name for _, name in _FORMULAS if not name.startswith("_fft"))
"""Operators whose formulas count multiply-adds of numbers, be they real or complex."""
