"""Which calls are ops, what they are called, what kind they are and where their operands come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modinspect
from modinspect.report import Op
from tests.trace.trace_helpers import Calls, lines


class OneLinear(nn.Module):
    """``fc`` from 4 features to 3, and a buffer ``seen`` of 3 numbers."""

    def __init__(self, then: Callable[..., Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.register_buffer("seen", torch.zeros(3))
        self._then = then

    def forward(self, x: Tensor) -> Any:
        return self._then(self, self.fc(x))


def ran(function: Callable[..., Any], *args: Any) -> list[str]:
    return lines(modinspect.inspect(Calls(function), *args))


def only_op(function: Callable[..., Any], *args: Any) -> Op:
    (op,) = modinspect.inspect(Calls(function), *args).ops
    return op


def test_in_place_methods_and_operators_say_what_they_write_to() -> None:
    def then(self: OneLinear, x: Tensor) -> Tensor:
        x += 1
        x.relu_()
        x.mul_(2).sub_(1)
        return x

    report = modinspect.inspect(OneLinear(then), torch.randn(2, 4))
    assert lines(report) == [
        "fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 3) flops=48",
        ". hidden Tensor.add_(op:0!) -> (2, 3)",
        ". hidden Tensor.relu_(op:1!) -> (2, 3)",
        ". hidden Tensor.mul_(op:2!) -> (2, 3)",
        ". hidden Tensor.sub_(op:3!) -> (2, 3)",
    ]
    assert report.outputs[0].origin == "op:4"
    assert report.ops[1].aten == ("aten.add_.Tensor",)


def test_setitem_is_an_op_that_changes_its_tensor() -> None:
    def then(self: OneLinear, x: Tensor) -> Tensor:
        x[:, 0] = 1
        x[0] = x[1]
        return x * 2

    assert lines(modinspect.inspect(OneLinear(then), torch.randn(2, 4))) == [
        "fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 3) flops=48",
        ". hidden Tensor.__setitem__(op:0!) -> -",
        ". hidden view Tensor.__getitem__(op:1) -> (3,)",
        ". hidden Tensor.__setitem__(op:1!, op:2) -> -",
        ". hidden Tensor.mul(op:3) -> (2, 3)",
    ]


def test_a_write_through_a_view_reaches_the_tensor_that_it_is_a_view_of() -> None:
    def then(self: OneLinear, x: Tensor) -> Tensor:
        x[0].zero_()
        return x.exp()

    assert lines(modinspect.inspect(OneLinear(then), torch.randn(2, 4)))[1:] == [
        ". hidden view Tensor.__getitem__(op:0) -> (3,)",
        ". hidden Tensor.zero_(op:1!) -> (3,)",
        ". hidden Tensor.exp(op:2) -> (2, 3)",
    ]


def test_a_buffer_that_is_written_to_stays_a_buffer() -> None:
    def then(self: OneLinear, x: Tensor) -> Tensor:
        self.seen += x[0]
        self.seen[1] = 2.0
        return x + self.seen

    assert lines(modinspect.inspect(OneLinear(then), torch.randn(2, 4)))[1:] == [
        ". hidden view Tensor.__getitem__(op:0) -> (3,)",
        ". hidden Tensor.add_(buffer:seen!, op:1) -> (3,)",
        ". hidden Tensor.__setitem__(buffer:seen!) -> -",
        ". hidden Tensor.add(op:0, buffer:seen) -> (2, 3)",
    ]


def test_views_share_memory_and_copies_do_not() -> None:
    def views(x: Tensor) -> list[Tensor]:
        rows = x.view(3, 2).reshape(6)
        return [x.T, x[:, None], x[..., 0], rows, x.expand(4, 2, 3), x.permute(1, 0), x.detach(), x.contiguous()]

    def copies(x: Tensor) -> list[Tensor]:
        return [x.T.reshape(6), x.clone(), x[[0, 1]], x.T.contiguous(), x.to(torch.float64), x[x > 0]]

    assert ran(views, torch.randn(2, 3)) == [
        ". hidden view Tensor.view(input:0) -> (3, 2)",
        ". hidden view Tensor.reshape(op:0) -> (6,)",
        ". hidden view Tensor.T(input:0) -> (3, 2)",
        ". hidden view Tensor.__getitem__(input:0) -> (2, 1, 3)",
        ". hidden view Tensor.__getitem__(input:0) -> (2,)",
        ". hidden view Tensor.expand(input:0) -> (4, 2, 3)",
        ". hidden view Tensor.permute(input:0) -> (3, 2)",
        ". hidden view Tensor.detach(input:0) -> (2, 3)",
        ". hidden view Tensor.contiguous(input:0) -> (2, 3)",
    ]
    assert ran(copies, torch.ones(2, 3)) == [
        ". hidden view Tensor.T(input:0) -> (3, 2)",
        ". hidden Tensor.reshape(op:0) -> (6,)",
        ". hidden Tensor.clone(input:0) -> (2, 3)",
        ". hidden Tensor.__getitem__(input:0) -> (2, 3)",
        ". hidden view Tensor.T(input:0) -> (3, 2)",
        ". hidden Tensor.contiguous(op:4) -> (3, 2)",
        ". hidden Tensor.to(input:0) -> (2, 3)",
        ". hidden Tensor.gt(input:0) -> (2, 3)",
        ". hidden Tensor.__getitem__(input:0, op:7) -> (6,)",
    ]


def test_tensors_that_are_made_from_none_are_created() -> None:
    def factories(x: Tensor) -> list[Tensor]:
        return [
            torch.rand(3, 4),
            torch.arange(x.shape[1]),
            torch.tensor([1.0, 2.0]),
            torch.zeros_like(x),
            x.new_ones(2),
            torch.full((2,), 7),
            torch.eye(2, dtype=x.dtype),
        ]

    assert ran(factories, torch.randn(2, 3)) == [
        ". hidden create torch.rand() -> (3, 4)",
        ". hidden create torch.arange() -> (3,)",
        ". hidden create torch.tensor() -> (2,)",
        ". hidden create torch.zeros_like(input:0) -> (2, 3)",
        ". hidden create Tensor.new_ones(input:0) -> (2,)",
        ". hidden create torch.full() -> (2,)",
        ". hidden create torch.eye() -> (2, 2)",
    ]


def test_a_tensor_from_numpy_is_created() -> None:
    op = only_op(lambda x: torch.from_numpy(np.ones(3)), torch.randn(2))
    assert (op.kind, op.inputs, op.outputs[0].shape, op.outputs[0].dtype) == ("create", (), (3,), "float64")


def test_values_that_reach_python_are_reads() -> None:
    def reads(x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = x + 1
        x.max().item()
        x.tolist()
        x.numpy()
        float(x[0])
        return x * int(x.argmax())

    assert ran(reads, torch.ones(2)) == [
        ". hidden Tensor.sum(input:0) -> ()",
        ". hidden Tensor.gt(op:0) -> ()",
        ". hidden read Tensor.__bool__(op:1) -> -",
        ". hidden Tensor.add(input:0) -> (2,)",
        ". hidden Tensor.max(op:3) -> ()",
        ". hidden read Tensor.item(op:4) -> -",
        ". hidden read Tensor.tolist(op:3) -> -",
        ". hidden read Tensor.numpy(op:3) -> -",
        ". hidden view Tensor.__getitem__(op:3) -> ()",
        ". hidden read Tensor.__float__(op:8) -> -",
        ". hidden Tensor.argmax(op:3) -> ()",
        ". hidden read Tensor.__int__(op:10) -> -",
        ". hidden Tensor.mul(op:3) -> (2,)",
    ]


def test_questions_that_touch_no_data_are_no_ops() -> None:
    def asks(x: Tensor) -> Tensor:
        assert x.shape == x.size() == (2, 3)
        assert (x.size(0), len(x), x.dim(), x.ndim, x.numel(), x.stride()) == (2, 2, 2, 2, 6, (3, 1))
        assert (x.dtype, x.device.type, x.layout, x.is_cuda) == (torch.float32, "cpu", torch.strided, False)
        assert x.is_contiguous()
        assert x.is_floating_point()
        assert torch.is_tensor(x)
        assert not x.requires_grad
        assert x.grad is None
        with torch.no_grad(), torch.enable_grad():
            torch.get_default_dtype()
        assert isinstance(hash(x), int)
        return x

    report = modinspect.inspect(Calls(asks), torch.randn(2, 3))
    assert report.error is None
    assert report.ops == ()
    assert report.outputs[0].origin == "input:0"


def test_what_a_function_calls_in_turn_is_inside_it() -> None:
    op = only_op(F.relu, torch.randn(2))
    assert (op.name, op.aten) == ("torch.nn.functional.relu", ("aten.relu.default",))
    assert ran(lambda x: F.cross_entropy(x, torch.tensor([0, 2])), torch.randn(2, 3)) == [
        ". hidden create torch.tensor() -> (2,)",
        ". hidden F.cross_entropy(input:0, op:0) -> ()",
    ]


def test_aten_operators_that_are_called_directly_are_ops() -> None:
    assert ran(lambda x: torch.ops.aten.relu(torch.ops.aten.add.Tensor(x, x)), torch.randn(2)) == [
        ". hidden torch.ops.aten.add.Tensor(input:0, input:0) -> (2,)",
        ". hidden torch.ops.aten.relu(op:0) -> (2,)",
    ]


def test_out_variants_write_to_what_they_were_given() -> None:
    def out(x: Tensor) -> tuple[Tensor, Tensor]:
        place = torch.empty(2, 2)
        torch.mm(x, x, out=place)
        return place * 2, place

    report = modinspect.inspect(Calls(out), torch.randn(2, 2))
    assert lines(report) == [
        ". hidden create torch.empty() -> (2, 2)",
        ". hidden torch.mm(input:0, input:0, op:0!) -> (2, 2) flops=16",
        ". hidden Tensor.mul(op:1) -> (2, 2)",
    ]
    assert [operand.argument for operand in report.ops[1].inputs] == ["input", "mat2", "out"]
    assert [output.origin for output in report.outputs] == ["op:2", "op:1"]


def test_lists_of_tensors_are_operands_and_results() -> None:
    def split(x: Tensor) -> Tensor:
        a, b, c = x.chunk(3)
        return torch.cat([a, c], dim=1) + torch.stack([b, b]).sum()

    report = modinspect.inspect(Calls(split), torch.randn(3, 2))
    assert lines(report) == [
        ". hidden view Tensor.chunk(input:0) -> (1, 2) (1, 2) (1, 2)",
        ". hidden torch.cat(op:0, op:0) -> (1, 4)",
        ". hidden torch.stack(op:0, op:0) -> (2, 1, 2)",
        ". hidden Tensor.sum(op:2) -> ()",
        ". hidden Tensor.add(op:1, op:3) -> (1, 4)",
    ]
    assert [operand.argument for operand in report.ops[1].inputs] == ["tensors.0", "tensors.1"]
    assert report.ops[1].arguments["dim"] == 1


def test_arguments_that_are_no_tensors_are_kept_with_their_defaults() -> None:
    assert only_op(F.gelu, torch.ones(2)).arguments == {"approximate": "none"}
    assert only_op(lambda x: F.avg_pool1d(x, 2, padding=1), torch.ones(1, 1, 4)).arguments == {
        "kernel_size": 2,
        "stride": None,
        "padding": 1,
        "ceil_mode": False,
        "count_include_pad": True,
    }
    assert only_op(lambda x: x[:, 1:2, ...], torch.ones(2, 3)).arguments == {"idx": [":", "1:2", "..."]}


def test_tensor_methods_and_functions_keep_the_names_that_people_write() -> None:
    def names(x: Tensor) -> None:
        torch.mm(x, x)
        torch.matmul(x, x)
        torch.einsum("ij,jk->ik", x, x)
        torch.split(x, 1)
        torch.norm(x)
        torch.linalg.vector_norm(x)
        torch.fft.rfft(x)
        torch.special.expit(x)
        torch.sparse.mm(x.to_sparse(), x)
        F.max_pool2d(x[None], 2)
        F.interpolate(x[None, None], scale_factor=2)
        F.scaled_dot_product_attention(x, x, x)
        _ = [x @ x, 1 - x, -x, x == 1, ~(x > 0)]
        x.softmax(-1)
        torch.nn.init.zeros_(x)

    found = [op.name for op in modinspect.inspect(Calls(names), torch.randn(2, 2)).ops]
    assert found == [
        "torch.mm",
        "torch.matmul",
        "torch.einsum",
        "torch.split",
        "torch.norm",
        "torch.linalg.vector_norm",
        "torch.fft.rfft",
        "torch.special.expit",
        "torch.Tensor.to_sparse",
        "torch.sparse.mm",
        "torch.Tensor.__getitem__",
        "torch.nn.functional.max_pool2d",
        "torch.Tensor.__getitem__",
        "torch.nn.functional.interpolate",
        "torch.nn.functional.scaled_dot_product_attention",
        "torch.Tensor.matmul",
        "torch.Tensor.__rsub__",
        "torch.Tensor.neg",
        "torch.Tensor.__eq__",
        "torch.Tensor.gt",
        "torch.Tensor.__invert__",
        "torch.Tensor.softmax",
        "torch.Tensor.zero_",
    ]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_repetitions_of_an_op_say_the_same_as_its_first_call(times: int) -> None:
    """The engine looks closely only once at calls that are alike."""

    def repeat(x: Tensor) -> Tensor:
        for _ in range(times):
            x = torch.mm(x, x)
        return x

    first = ". hidden torch.mm(input:0, input:0) -> (2, 2) flops=16"
    rest = [f". hidden torch.mm(op:{index}, op:{index}) -> (2, 2) flops=16" for index in range(times - 1)]
    report = modinspect.inspect(Calls(repeat), torch.randn(2, 2))
    assert lines(report) == [first, *rest]
    assert {op.aten for op in report.ops} == {("aten.mm.default",)}


def test_calls_that_look_alike_but_differ_are_told_apart() -> None:
    def alike(x: Tensor) -> list[Tensor]:
        return [
            x.contiguous(),  # x itself
            x.T.contiguous(),  # the same shape, other strides: a copy
            F.dropout(x, 0.5, training=False),
            F.dropout(x, 0.5, training=True),
            x.sum(),
            x.sum(1),
            x.sum(0),
        ]

    assert [(op.kind, op.aten) for op in modinspect.inspect(Calls(alike), torch.randn(2, 2)).ops] == [
        ("view", ()),
        ("view", ("aten.permute.default",)),
        ("compute", ("aten.clone.default",)),
        ("compute", ()),
        ("compute", ("aten.empty_like.default", "aten.bernoulli_.float", "aten.div_.Scalar", "aten.mul.Tensor")),
        ("compute", ("aten.sum.default",)),
        ("compute", ("aten.sum.dim_IntList",)),
        ("compute", ("aten.sum.dim_IntList",)),
    ]


def test_a_slice_up_to_a_tensor_is_as_long_as_its_value_says_each_time() -> None:
    def forward(x: Tensor) -> Any:
        return x[: torch.tensor(1)], x[: torch.tensor(3)], x[: torch.tensor(3)]

    report = modinspect.inspect(Calls(forward), torch.ones(4))
    assert report.error is None
    assert [output.shape for output in report.outputs] == [(1,), (3,), (3,)]
    assert [op.outputs[0].shape for op in report.ops if op.name == "torch.Tensor.__getitem__"] == [(1,), (3,), (3,)]


def test_writing_to_an_operand_twice_given_is_not_taken_for_writing_to_both() -> None:
    def forward(x: Tensor) -> Tensor:
        a, b = x + 1, x + 2
        a.add_(a)
        a.add_(b)
        torch.add(a, 1, out=a)
        torch.add(a, 1, out=b)
        return a * b

    assert ran(forward, torch.zeros(2)) == [
        ". hidden Tensor.add(input:0) -> (2,)",
        ". hidden Tensor.add(input:0) -> (2,)",
        ". hidden Tensor.add_(op:0!, op:0!) -> (2,)",
        ". hidden Tensor.add_(op:2!, op:1) -> (2,)",
        ". hidden torch.add(op:3!, op:3!) -> (2,)",
        ". hidden torch.add(op:4, op:1!) -> (2,)",
        ". hidden Tensor.mul(op:4, op:5) -> (2,)",
    ]


def test_a_conjugate_that_is_not_made_yet_is_told_from_its_tensor() -> None:
    """``conj`` only sets a mark; whoever multiplies then has to make it first."""
    report = modinspect.inspect(Calls(lambda x: x.mul(x) + x.conj().mul(x)), torch.randn(2, 2, dtype=torch.complex64))
    assert [op.aten for op in report.ops] == [
        ("aten.mul.Tensor",),
        ("aten._conj.default",),
        ("aten.clone.default", "aten.mul.Tensor"),
        ("aten.add.Tensor",),
    ]


def test_sources_are_the_users_lines() -> None:
    def forward(x: Tensor) -> Tensor:
        return F.relu(x) + 1  # the line

    report = modinspect.inspect(Calls(forward), torch.randn(2))
    for op in report.ops:
        assert op.source is not None
        assert op.source.line == forward.__code__.co_firstlineno + 1
        assert op.source.code == "return F.relu(x) + 1  # the line"
        assert op.source.file.endswith("test_ops.py")
        assert op.source.function.endswith("forward")


def test_custom_operators_are_listed_under_their_own_names() -> None:
    @torch.library.custom_op("modinspect_tests::twice", mutates_args=())
    def twice(x: Tensor) -> Tensor:
        return x * 2

    @torch.library.custom_op("modinspect_tests::inc", mutates_args=("x",))
    def inc(x: Tensor) -> None:
        x.add_(1)

    def forward(x: Tensor) -> Tensor:
        y = twice(x)
        inc(y)
        return torch.ops.modinspect_tests.twice(y)

    report = modinspect.inspect(Calls(forward), torch.randn(2))
    assert lines(report) == [
        ". hidden torch.ops.modinspect_tests.twice(input:0) -> (2,) flops=?",
        ". hidden torch.ops.modinspect_tests.inc(op:0!) -> - flops=?",
        ". hidden torch.ops.modinspect_tests.twice(op:1) -> (2,) flops=?",
    ]
    assert report.totals.uncounted_ops == 3
