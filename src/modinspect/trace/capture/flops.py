"""FLOPs of ATen operators, as ``torch.utils.flop_counter`` counts them."""

from __future__ import annotations

from typing import Any

from torch.utils.flop_counter import flop_registry

from modinspect.trace._torch import OpOverload, packet_of

# ATen operators that multiply and add but have no formula in the registry: their FLOPs are not known. All other operators of
# ATen without a formula (elementwise ones, reductions, norms, copies) count 0 by the counter's own convention.
_UNKNOWN = frozenset(
    """
    _cdist_forward _conv_depthwise2d _convert_weight_to_int4pack _cslt_sparse_mm _cudnn_rnn _dyn_quant_matmul_4bit
    _fft_c2c _fft_c2r _fft_r2c _fused_sdp_choice _grouped_mm _int_mm _linalg_det _linalg_eigh _linalg_slogdet
    _linalg_solve_ex _linalg_svd _native_multi_head_attention _pdist_forward _scaled_dot_product_attention_math_for_mps
    _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_fused_attention_overrideable _scaled_grouped_mm
    _slow_conv2d_forward _sparse_addmm _sparse_mm _sparse_mm_reduce_impl _sparse_semi_structured_linear
    _sparse_semi_structured_mm _sparse_sparse_matmul _transformer_encoder_layer_fwd _trilinear
    _triton_multi_head_attention _weight_int4pack_mm _weight_int8pack_mm addbmm addmv cdist cholesky_inverse
    cholesky_solve conv_depthwise3d conv_tbc dot fbgemm_linear_fp16_weight fbgemm_linear_int8_weight geqrf gru hspmm inner
    istft linalg_cholesky_ex linalg_eig linalg_householder_product linalg_inv_ex linalg_ldl_factor_ex linalg_ldl_solve
    linalg_lstsq linalg_lu linalg_lu_factor_ex linalg_lu_solve linalg_matrix_exp linalg_qr linalg_solve_ex
    linalg_solve_triangular linear lstm lstm_mps lu_unpack matmul matrix_exp miopen_rnn mkldnn_convolution mkldnn_linear
    mkldnn_rnn_layer mv ormqr quantized_gru quantized_lstm rnn_relu rnn_tanh slow_conv3d_forward slow_conv_dilated2d
    slow_conv_dilated3d slow_conv_transpose2d slow_conv_transpose3d sparse_sampled_addmm stft thnn_conv2d triangular_solve
    vdot
    """.split()
)


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


def has_formula(func: OpOverload) -> bool:
    """Whether the registry knows ``func``; others are decomposed first, as ``FlopCounterMode`` does."""
    return packet_of(func) in flop_registry
