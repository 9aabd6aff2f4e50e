"""Tensors that are not plain dense ones: complex, sparse, quantized, nested, subclasses, and those on other devices."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import modinspect
from modinspect.report import Report
from tests.trace.trace_helpers import Calls, lines, unregistered

X = torch.ones(2, 4)


def inspected(function: Any, *args: Any, **registered: Any) -> Report:
    report = modinspect.inspect(Calls(function, **registered), *(args or (X,)))
    assert report.error is None, report.error
    return report


def test_complex_tensors() -> None:
    report = inspected(lambda x: torch.view_as_real(torch.fft.fft(x) * 1j).sum() + x.to(torch.complex64).conj().real.sum())
    assert lines(report) == [
        ". hidden torch.fft.fft(input:0) -> (2, 4) flops=?",
        ". hidden Tensor.mul(op:0) -> (2, 4)",
        ". hidden view torch.view_as_real(op:1) -> (2, 4, 2)",
        ". hidden Tensor.sum(op:2) -> ()",
        ". hidden Tensor.to(input:0) -> (2, 4)",
        ". hidden view Tensor.conj(op:4) -> (2, 4)",
        ". hidden view Tensor.real(op:5) -> (2, 4)",
        ". hidden Tensor.sum(op:6) -> ()",
        ". hidden Tensor.add(op:3, op:7) -> ()",
    ]
    assert report.ops[1].arguments == {"other": "1j"} or "1j" in report.ops[1].arguments.values()


def test_complex_parameters_count_each_number_once() -> None:
    report = inspected(lambda x: x, weight=nn.Parameter(torch.ones(3, dtype=torch.complex64)))
    assert (report.totals.params, report.totals.param_bytes) == (3, 24)


def test_sparse_tensors() -> None:
    model = Calls(lambda x: torch.sparse.mm(model.matrix, x) + (x.to_sparse() * 2).to_dense())
    model.register_buffer("matrix", torch.eye(2).to_sparse())
    report = modinspect.inspect(model, X)
    assert lines(report) == [
        ". hidden torch.sparse.mm(buffer:matrix, input:0) -> (2, 4) flops=?",
        ". hidden Tensor.to_sparse(input:0) -> (2, 4)",
        ". hidden Tensor.mul(op:1) -> (2, 4)",
        ". hidden Tensor.to_dense(op:2) -> (2, 4)",
        ". hidden Tensor.add(op:0, op:3) -> (2, 4)",
    ]


def test_sparse_rows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = torch.eye(2).to_sparse_csr()
    model = Calls(lambda x: model.matrix @ x)
    model.register_buffer("matrix", matrix)
    report = modinspect.inspect(model, X)
    assert report.error is None
    assert report.ops[0].inputs[0].origin == "buffer:matrix"
    assert report.buffers[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (torch.sparse_coo, 4 * (4 + 2 * 8)),
        (torch.sparse_csr, 4 * (4 + 8) + 5 * 8),
        (torch.sparse_csc, 4 * (4 + 8) + 5 * 8),
        (torch.sparse_bsr, 2 * (4 * 4 + 8) + 3 * 8),
        (torch.sparse_bsc, 2 * (4 * 4 + 8) + 3 * 8),
    ],
)
def test_a_sparse_tensor_takes_the_memory_of_what_it_holds(layout: torch.layout, size: int) -> None:
    """Of the identity: 4 numbers, or 2 blocks of 4, with 8 bytes for each index."""
    blocks = (2, 2) if layout in (torch.sparse_bsr, torch.sparse_bsc) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix, other = (torch.eye(4).to_sparse(layout=layout, blocksize=blocks) for _ in range(2))  # type: ignore[call-arg]
    model = Calls(lambda x: x, weight=nn.Parameter(other))
    model.register_buffer("matrix", matrix)
    model.register_buffer("dense", torch.ones(4, 4))
    report = modinspect.inspect(model, X)
    assert report.totals.buffer_bytes == size + 64
    assert (report.totals.params, report.totals.param_bytes, report.modules[0].param_bytes) == (16, size, size)


def test_dynamically_quantized_models() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), {nn.Linear})
    report = modinspect.inspect(model, X)
    assert report.error is None
    assert [(op.module, op.name, op.flops) for op in report.ops if op.kind == "compute"] == [
        ("0", "torch.ops.quantized.linear_dynamic", None),
        ("1", "torch.nn.functional.relu", 0),
    ]
    assert (report.totals.params, report.totals.uncounted_ops) == (0, 1)


def test_quantized_lstm() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(4, 4)).eval(), {nn.LSTM})
    report = modinspect.inspect(model, torch.ones(2, 3, 4))
    assert report.error is None
    assert any("quantized_lstm" in op.name or "lstm" in op.name for op in report.ops)


def test_quantized_tensors() -> None:
    report = inspected(lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).dequantize())
    assert [op.name for op in report.ops] == ["torch.quantize_per_tensor", "torch.Tensor.dequantize"]
    assert report.ops[0].outputs[0].dtype == "qint8"


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_have_a_dimension_without_size(layout: torch.layout) -> None:
    nested = torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=layout)
    fc = nn.Linear(4, 4)
    report = inspected(lambda x: fc(x).relu(), nested, fc=fc)
    assert report.inputs[0].shape == (2, None, 4)
    assert [(op.name, op.inputs[0].origin, op.outputs[0].shape) for op in report.ops] == [
        ("torch.nn.functional.linear", "input:0", (2, None, 4)),
        ("torch.Tensor.relu", "op:0", (2, None, 4)),
    ]


def test_nested_tensors_made_in_forward() -> None:
    fc = nn.Linear(4, 4)

    def forward(a: Tensor, b: Tensor) -> Tensor:
        return fc(torch.nested.nested_tensor([a, b], layout=torch.jagged)).to_padded_tensor(0.0)

    report = inspected(forward, torch.ones(2, 4), torch.ones(3, 4), fc=fc)
    assert report.outputs[0].shape == (2, 3, 4)
    assert [op.module for op in report.ops if op.name.endswith("linear")] == ["fc"]


class Tagged(Tensor):
    """A subclass as users write it."""


def test_subclasses_of_tensor() -> None:
    report = inspected(lambda x: (x + 1).relu(), X.as_subclass(Tagged))
    assert lines(report) == [". hidden Tensor.add(input:0) -> (2, 4)", ". hidden Tensor.relu(op:0) -> (2, 4)"]


class Watched(Tensor):
    """A subclass with a ``__torch_function__`` of its own."""

    calls: list[str] = []  # noqa: RUF012

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_subclasses_that_override_torch_functions_still_do() -> None:
    Watched.calls.clear()
    report = inspected(lambda x: x.relu(), X.as_subclass(Watched))
    assert Watched.calls == ["relu"]
    assert [op.name for op in report.ops] == ["torch.Tensor.relu"]


def test_meta_tensors() -> None:
    report = modinspect.inspect(nn.Linear(4, 4, device="meta"), X.to("meta"))
    assert lines(report) == [". F.linear(input:0, param:weight, param:bias) -> (2, 4) flops=64"]
    assert report.model.device == "meta"


def test_empty_and_scalar_tensors() -> None:
    report = inspected(lambda x, s: x.sum() + s, torch.ones(0, 4), torch.tensor(1.0))
    assert [i.shape for i in report.inputs] == [(0, 4), ()]
    assert report.outputs[0].shape == ()


def test_tensors_of_other_threads_and_libraries_are_of_unknown_origin() -> None:
    report = inspected(lambda x: x + torch.as_tensor(memoryview(b"1234")), torch.ones(4))
    assert report.error is None
    assert unregistered(report) == []


def test_parameters_of_half_precision() -> None:
    report = inspected(lambda x: x, fc=nn.Linear(4, 4).bfloat16())
    assert (report.totals.params, report.totals.param_bytes) == (20, 40)


def test_zero_copy_views_of_parameters_keep_them_used() -> None:
    model = Calls(lambda x: x @ model.fc.weight.data.t() + model.fc.bias.detach(), fc=nn.Linear(4, 4))
    report = modinspect.inspect(model, X)
    assert all(state.used for state in report.parameters)
    assert report.unregistered == ()
