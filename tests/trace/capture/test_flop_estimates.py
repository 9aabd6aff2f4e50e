"""``estimated_flops`` of operators that torch's counter leaves out or counts as something else, against counts by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula

import modinspect
from tests.trace.trace_helpers import Calls

MAC = 2
COMPLEX_MAC = 8


def totals(model: nn.Module | Callable[..., Any], *args: Any) -> tuple[int, int | None]:
    """(counted, estimated) FLOPs of a run; the first is what torch's own counter says."""
    module = model if isinstance(model, nn.Module) else Calls(model)
    report = modinspect.inspect(module, *args)
    assert report.error is None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*args)
    assert report.totals.flops == counter.get_total_flops()
    return report.totals.flops, report.totals.estimated_flops


def estimate(model: nn.Module | Callable[..., Any], *args: Any) -> int | None:
    return totals(model, *args)[1]


# -- recurrent layers


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers(layer: Any, gates: int) -> None:
    """3 steps of 2 samples: each step multiplies (2, in) by (in, gates * 7) and (2, 7) by (7, gates * 7)."""
    one = 3 * 2 * MAC * (gates * 7 * 5 + gates * 7 * 7)
    assert estimate(layer(5, 7), torch.ones(3, 2, 5)) == one
    # The second layer gets the 14 features of both directions.
    two = 3 * 2 * MAC * 2 * (gates * 7 * 14 + gates * 7 * 7)
    assert estimate(layer(5, 7, 2, bidirectional=True), torch.ones(3, 2, 5)) == 2 * one + two


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_an_lstm_with_a_projection_and_one_on_packed_sequences() -> None:
    # The state has 3 features: (2, 5) x (5, 28), (2, 3) x (3, 28) and the projection (2, 7) x (7, 3).
    assert estimate(nn.LSTM(5, 7, proj_size=3), torch.ones(3, 2, 5)) == 3 * 2 * MAC * (28 * 5 + 28 * 3 + 7 * 3)
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 5), torch.ones(2, 5)])
    assert estimate(nn.LSTM(5, 7), packed) == 5 * MAC * (28 * 5 + 28 * 7)


def test_cells() -> None:
    assert estimate(nn.LSTMCell(5, 7), torch.ones(3, 5)) == 3 * MAC * (28 * 5 + 28 * 7)
    assert estimate(nn.GRUCell(5, 7), torch.ones(3, 5)) == 3 * MAC * (21 * 5 + 21 * 7)


# -- sparse products: 2 stored elements


SPARSE = torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), (100, 100), check_invariants=True)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize(
    ("product", "macs"),
    [
        (lambda x: SPARSE @ x, 2 * 3),
        (lambda x: torch.mm(SPARSE, x), 2 * 3),
        (lambda x: torch.sparse.mm(SPARSE, x), 2 * 3),
        (lambda x: SPARSE.to_sparse_csr() @ x, 2 * 3),
        (lambda x: torch.sparse.mm(SPARSE.to_sparse_csr(), x), 2 * 3),
        (lambda x: x.t() @ SPARSE, 2 * 3),
        (lambda x: torch.addmm(x, SPARSE, x), 2 * 3),
        (lambda x: SPARSE @ x[:, 0], 2),
        (lambda x: torch.bmm(torch.stack([SPARSE, SPARSE]), torch.stack([x, x])), 2 * 2 * 3),
    ],
)
def test_sparse_products_count_stored_elements(product: Callable[[Tensor], Tensor], macs: int) -> None:
    assert estimate(product, torch.ones(100, 3)) == MAC * macs


def test_a_product_of_two_sparse_tensors_is_unknown() -> None:
    assert totals(lambda _: torch.sparse.mm(SPARSE, SPARSE), torch.ones(1)) == (0, None)


# -- complex products


C = torch.ones(3, 4, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("product", "macs"),
    [
        (lambda c: c @ c.mT, 3 * 4 * 3),
        (lambda c: F.linear(c, c), 3 * 4 * 3),
        (lambda c: c @ c[0], 3 * 4),
        (lambda c: torch.dot(c[0], c[1]), 4),
        (lambda c: torch.vdot(c[0], c[1]), 4),
        (lambda c: torch.einsum("ij,kj->ik", c, c), 3 * 4 * 3),
        (lambda c: torch.bmm(c[None], c.mT[None]), 3 * 4 * 3),
    ],
)
def test_complex_products_count_eight_a_multiply_add(product: Callable[[Tensor], Tensor], macs: int) -> None:
    assert estimate(product, C) == COMPLEX_MAC * macs


def test_a_complex_convolution_counts_the_three_real_ones_that_torch_runs() -> None:
    assert totals(lambda c: F.conv1d(c[None], c[None].mT[:1, :3, :1]), C)[1] == 3 * MAC * 4 * 3


# -- other products


@pytest.mark.parametrize(
    ("product", "macs"),
    [
        (lambda x: x @ x[0], 4 * 6),
        (lambda x: torch.mv(x, x[0]), 4 * 6),
        (lambda x: torch.addmv(x[:, 0], x, x[0]), 4 * 6),
        (lambda x: torch.dot(x[0], x[0]), 6),
        (lambda x: torch.addbmm(torch.ones(4, 4), torch.stack([x, x]), torch.stack([x.t(), x.t()])), 2 * 4 * 6 * 4),
        # x W is (4, 3, 6) with 6 multiply-adds each; times y it is (4, 3) with 6 each.
        (lambda x: F.bilinear(x, x, torch.ones(3, 6, 6)), 4 * 3 * 6 * 6 + 4 * 3 * 6),
        # An outer product adds nothing.
        (lambda x: torch.outer(x[0], x[0]), 0),
        (lambda x: torch.addr(x[:, :4], x[:, 0], x[0, :4]), 0),
    ],
)
def test_products_of_matrices_and_vectors(product: Callable[[Tensor], Tensor], macs: int) -> None:
    assert estimate(product, torch.ones(4, 6)) == MAC * macs


@pytest.mark.skipif(not hasattr(torch.ops.aten, "_grouped_mm"), reason="torch 2.6 has no grouped matmul")
def test_a_grouped_matmul_multiplies_each_row_with_one_group() -> None:
    offsets = torch.tensor([3, 5], dtype=torch.int32)

    def experts(x: Tensor) -> Tensor:
        result: Tensor = torch.ops.aten._grouped_mm(x, torch.ones(2, 16, 8, dtype=torch.bfloat16), offsets)
        return result

    assert estimate(experts, torch.ones(5, 16, dtype=torch.bfloat16)) == MAC * 5 * 16 * 8


@pytest.mark.filterwarnings("ignore")
def test_flex_attention_counts_scores_and_values() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    q, k, v = torch.ones(1, 2, 5, 8), torch.ones(1, 2, 7, 8), torch.ones(1, 2, 7, 4)
    report = modinspect.inspect(Calls(flex_attention), q, k, v)
    assert report.totals.estimated_flops == MAC * 2 * (5 * 7 * 8 + 5 * 7 * 4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(len(torch.backends.quantized.supported_engines) < 2, reason="no engine for quantized modules")
def test_quantized_layers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)), {nn.Linear}, dtype=torch.qint8)
        assert estimate(model, torch.ones(2, 4)) == MAC * 2 * 4 * 3


# -- Fourier transforms: 5 N log2 N, half for real ones


@pytest.mark.parametrize(
    ("transform", "shape", "flops"),
    [
        (torch.fft.rfft, (4, 8), 4 * 5 * 8 * 3 // 2),
        (lambda x: torch.fft.irfft(x.to(torch.complex64)), (4, 5), 4 * 5 * 8 * 3 // 2),
        (lambda x: torch.fft.fft(x.to(torch.complex64)), (4, 8), 4 * 5 * 8 * 3),
        (lambda x: torch.fft.fft2(x.to(torch.complex64)), (3, 4, 8), 3 * 5 * 32 * 5),
        (torch.fft.rfft2, (3, 4, 8), 3 * 5 * 32 * 5 // 2),
    ],
)
def test_fourier_transforms(transform: Callable[[Tensor], Tensor], shape: tuple[int, ...], flops: int) -> None:
    assert estimate(transform, torch.ones(shape)) == flops


# -- linear algebra of 6 x 6 matrices


@pytest.mark.parametrize(
    ("function", "flops"),
    [
        (torch.linalg.inv, 2 * 6**3),
        (torch.linalg.cholesky, 6**3 // 3),
        (torch.linalg.lu_factor, 2 * 6**3 // 3),
        (torch.linalg.det, 2 * 6**3 // 3),
        (lambda a: torch.linalg.solve(a, a[:, :2]), 2 * 6**3 // 3 + 2 * 6**2 * 2),
        (lambda a: torch.linalg.solve_triangular(a, a[:, :2], upper=True), 6**2 * 2),
        (lambda a: torch.cholesky_solve(a[:, :2], a), 2 * 6**2 * 2),
        (torch.linalg.svd, None),
        (torch.linalg.eigh, None),
    ],
)
def test_linear_algebra(function: Callable[[Tensor], Any], flops: int | None) -> None:
    assert estimate(function, 2 * torch.eye(6)) == flops


def test_complex_linear_algebra_counts_four_times_as_much() -> None:
    assert estimate(torch.linalg.inv, 2 * torch.eye(6, dtype=torch.complex64)) == 4 * 2 * 6**3


# -- what has no formula


def test_ops_without_a_formula_are_counted_and_those_with_an_estimate_too() -> None:
    report = modinspect.inspect(Calls(lambda x: (x @ x[0], torch.linalg.svd(x), x @ x.t())), torch.ones(4, 6))
    uncounted = [op.name.rpartition(".")[2] for op in report.ops if op.flops is None]
    assert uncounted == ["matmul", "svd"]
    assert (report.totals.uncounted_ops, report.totals.flops, report.totals.estimated_flops) == (2, MAC * 4 * 6 * 4, None)


def test_a_corrected_estimate_is_not_an_uncounted_op() -> None:
    report = modinspect.inspect(Calls(lambda c: c @ c.mT), C)
    assert report.totals.uncounted_ops == 0
    assert (report.totals.flops, report.totals.estimated_flops) == (MAC * 36, COMPLEX_MAC * 36)


def test_a_formula_that_the_user_registers_is_used_for_both() -> None:
    """As ``docs/flops.md`` shows."""

    def svd_flops(a_shape: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
        rows, columns = a_shape[-2:]
        return 4 * rows * columns * columns

    packet = torch.ops.aten._linalg_svd
    register_flop_formula(packet)(svd_flops)
    try:
        assert totals(torch.linalg.svd, torch.ones(5, 3)) == (4 * 5 * 9, 4 * 5 * 9)
    finally:
        del flop_registry[packet]
