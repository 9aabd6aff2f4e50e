"""Complete: each ATen operator that ran lies in some op, in the order in which it ran, as another observer saw it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from modinspect.report import Report
from modinspect.trace import trace
from tests.trace.small_models import ZOO
from tests.trace.trace_helpers import AtenSeen, Calls, attributed, without_detaches


def watched(model: Any, args: Any, **options: Any) -> tuple[Report, list[str]]:
    watcher = AtenSeen()
    report = trace(model, args, observer=lambda _: watcher, **options)
    assert report.error is None, report.error
    return report, watcher.seen


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_every_operator_stands_in_an_op_in_order(name: str, train: bool) -> None:
    model, args = ZOO[name]()
    report, seen = watched(model.train(train), args)
    assert seen != []
    assert attributed(report) == seen


@pytest.mark.parametrize("name", ["residual_network", "plain_decoder", "functions_of_functions"])
def test_the_second_inspection_says_the_same(name: str) -> None:
    model, args = ZOO[name]()
    first, second = watched(model, args), watched(model, args)
    assert first == second


def test_what_gradients_run_stands_in_the_op_that_asked_for_them() -> None:
    def forward(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        y = (x * 2).exp().sum()
        (slope,) = torch.autograd.grad(y, x, create_graph=True)
        slope.sum().backward()
        return slope

    report, seen = watched(Calls(forward), (torch.randn(3),), grad=True)
    assert without_detaches(attributed(report)) == without_detaches(seen)


def test_tangents_are_told_from_plain_tensors() -> None:
    """A dual number looks like any tensor, but each op on it computes its tangent, too."""

    def forward(x: Tensor) -> Tensor:
        plain = x.sin() @ x
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x, torch.ones_like(x))
            return plain + forward_ad.unpack_dual(dual.sin() @ dual).tangent

    report, seen = watched(Calls(forward), (torch.randn(3, 3),))
    assert attributed(report) == seen
    assert [op.flops for op in report.ops if op.name == "torch.Tensor.matmul"] == [54, 3 * 54]


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy() ** 2).clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return grads[0]


def test_what_an_autograd_function_runs_is_in_it_or_in_ops_of_its_own() -> None:
    """The call comes before what it calls in turn, so that the order is another one."""
    report, seen = watched(Calls(lambda x: Squared.apply(x).relu()), (torch.randn(3),))
    assert Counter(without_detaches(attributed(report))) == Counter(without_detaches(seen))


def test_ops_of_modes_that_the_model_pushes_are_there() -> None:
    class Doubles(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            return torch.ops.aten.mul.Tensor(out, 2) if func is torch.ops.aten.exp.default else out

    def forward(x: Tensor) -> Tensor:
        with Doubles():
            return x.exp().sin() + x.exp()

    report, seen = watched(Calls(forward), (torch.randn(3),))
    assert attributed(report) == seen
    assert report.ops[0].aten == ("aten.exp.default", "aten.mul.Tensor")
