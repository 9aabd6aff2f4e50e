"""FLOPs of ATen operators, as ``torch.utils.flop_counter`` counts them."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from modinspect.trace._torch import OpOverload, packet_of

# ATen operators that multiply and add but have no formula in the registry: their FLOPs are not known. All other operators of
# ATen without a formula (elementwise ones, reductions, norms, copies) count 0 by the counter's own convention.
_UNKNOWN = frozenset(
    """
    linear matmul lstm gru rnn_tanh rnn_relu quantized_lstm quantized_gru mkldnn_rnn_layer _thnn_fused_lstm_cell
    _thnn_fused_gru_cell _cudnn_rnn miopen_rnn lstm_mps mv addmv dot vdot ger addr outer inner addbmm _trilinear
    _cdist_forward _pdist_forward cdist _scaled_dot_product_flash_attention_for_cpu _native_multi_head_attention
    _transformer_encoder_layer_fwd _triton_multi_head_attention _sparse_addmm _sparse_mm _sparse_mm_reduce_impl
    sparse_sampled_addmm _sparse_semi_structured_linear _sparse_semi_structured_mm _cslt_sparse_mm hspmm _grouped_mm
    _scaled_grouped_mm _int_mm _weight_int4pack_mm _weight_int8pack_mm _dyn_quant_matmul_4bit _convert_weight_to_int4pack
    _scaled_dot_product_attention_math_for_mps _fused_sdp_choice _scaled_dot_product_fused_attention_overrideable
    mkldnn_linear mkldnn_convolution _fft_r2c _fft_c2r _fft_c2c stft istft linalg_inv_ex linalg_solve_ex _linalg_solve_ex
    linalg_lu_factor_ex linalg_lu linalg_lu_solve linalg_cholesky_ex linalg_qr _linalg_svd _linalg_eigh linalg_eig
    linalg_householder_product linalg_solve_triangular triangular_solve cholesky_solve cholesky_inverse lu_unpack geqrf
    ormqr _linalg_det _linalg_slogdet linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_matrix_exp matrix_exp
    fbgemm_linear_int8_weight fbgemm_linear_fp16_weight slow_conv3d_forward _slow_conv2d_forward thnn_conv2d conv_tbc
    _conv_depthwise2d conv_depthwise3d slow_conv_dilated2d slow_conv_dilated3d slow_conv_transpose2d slow_conv_transpose3d
    """.split()
)


_TWINS = {"_scaled_dot_product_flash_attention_for_cpu": torch.ops.aten._scaled_dot_product_flash_attention}


def count_flops(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """The FLOPs of one ATen operator that ran, ``None`` where there is no formula although it has some.

    The formulas are :data:`torch.utils.flop_counter.flop_registry`'s, so that sums equal ``FlopCounterMode``'s.

    Args:
        func: the operator
        args: its positional arguments
        kwargs: its arguments by name
        out: its result
    """
    packet = packet_of(func)
    formula = flop_registry.get(packet)
    if formula is not None:
        return int(formula(*args, **kwargs, out_val=out))
    if func.namespace not in ("aten", "prims", "prim"):
        return None
    return None if packet.__name__ in _UNKNOWN else 0


def estimate_flops(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """The FLOPs of an operator without a formula, by that of its twin on another device; ``None`` if it has none.

    The registry knows fused attention on CUDA but not on the CPU.

    Args:
        func: the operator
        args: its positional arguments
        kwargs: its arguments by name
        out: its result
    """
    formula = flop_registry.get(_TWINS.get(packet_of(func).__name__))
    return None if formula is None else int(formula(*args, **kwargs, out_val=out))


def has_formula(func: OpOverload) -> bool:
    """Whether the registry knows ``func``; others are decomposed first, as ``FlopCounterMode`` does."""
    return packet_of(func) in flop_registry
