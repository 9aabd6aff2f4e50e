"""Tensors that a forward uses and that nothing registers: attributes, globals, closures, and weights made on the spot."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modinspect
from tests.trace.assemble import constants_elsewhere
from tests.trace.assemble.constants_elsewhere import TABLE as IMPORTED
from tests.trace.assemble.constants_elsewhere import scaled
from tests.trace.trace_helpers import Calls, lines, unregistered

X = torch.ones(2, 4)
GLOBAL = torch.ones(4)
GLOBALS = {"deep": [torch.ones(4)]}
GLOBAL_PARAMETER = nn.Parameter(torch.ones(4, 4))
GLOBAL_MODULE = nn.Linear(4, 4)


def found(function: Any, *args: Any) -> list[str]:
    return unregistered(modinspect.inspect(Calls(function), *(args or (X,))))


def test_globals() -> None:
    report = modinspect.inspect(Calls(lambda x: GLOBAL_MODULE(x) @ GLOBAL_PARAMETER * GLOBAL + GLOBALS["deep"][0]), X)
    assert lines(report) == [
        "GLOBAL_MODULE hidden F.linear(input:0, unregistered:0, unregistered:0) -> (2, 4) flops=64",
        ". hidden Tensor.matmul(op:0, unregistered:1) -> (2, 4) flops=64",
        ". hidden Tensor.mul(op:1, unregistered:2) -> (2, 4)",
        ". hidden Tensor.add(op:2, unregistered:3) -> (2, 4)",
    ]
    assert unregistered(report) == [
        "global module GLOBAL_MODULE None params=20",
        "global tensor GLOBAL_PARAMETER (4, 4) params=16",
        "global tensor GLOBAL (4,) params=0",
        "global tensor GLOBALS['deep'][0] (4,) params=0",
    ]
    assert report.unregistered[1].class_name == "Parameter"


def test_a_tensor_that_is_used_twice_is_one() -> None:
    report = modinspect.inspect(Calls(lambda x: (x * GLOBAL) * GLOBAL), X)
    assert [op.inputs[1].origin for op in report.ops] == ["unregistered:0", "unregistered:0"]
    assert len(report.unregistered) == 1


def test_constants_of_other_modules() -> None:
    assert found(lambda x: x * constants_elsewhere.TABLE) == ["global tensor constants_elsewhere.TABLE (4,) params=0"]
    assert found(lambda x: x * IMPORTED) == ["global tensor IMPORTED (4,) params=0"]
    assert found(scaled) == ["global tensor TABLE (4,) params=0"]


def test_closures() -> None:
    table, module = torch.ones(4), nn.Linear(4, 4)
    assert found(lambda x: module(x) * table) == ["closure module module None params=20", "closure tensor table (4,) params=0"]


def test_attributes_of_the_model_of_its_class_and_of_its_helpers() -> None:
    class Helper:
        def __init__(self) -> None:
            self.table = torch.ones(4)

        def scaled(self, x: Tensor) -> Tensor:
            return x * self.table

    class Model(nn.Module):
        on_the_class = torch.ones(4)
        in_the_class = (torch.ones(4),)

        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.ones(4)
            self.listed = [torch.ones(4)]
            self.nested = {"a": {"b": torch.ones(4)}}
            self.helper = Helper()
            self.inner = nn.Sequential(nn.ReLU())
            self.inner.shift = torch.ones(4)

        def forward(self, x: Tensor) -> Tensor:
            x = x * self.scale * self.listed[0] * self.nested["a"]["b"] * self.inner.shift
            x = self.helper.scaled(x)
            return x * self.on_the_class * self.in_the_class[0]

    assert unregistered(modinspect.inspect(Model(), X)) == [
        "attribute tensor scale (4,) params=0",
        "attribute tensor listed[0] (4,) params=0",
        "attribute tensor nested['a']['b'] (4,) params=0",
        "attribute tensor inner.shift (4,) params=0",
        "attribute tensor helper.table (4,) params=0",
        "attribute tensor on_the_class (4,) params=0",
        "attribute tensor in_the_class[0] (4,) params=0",
    ]


def test_an_unregistered_tensor_says_where_it_was_used_first() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.ones(4)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale  # here

    (tensor,) = modinspect.inspect(nn.Sequential(Model()), X).unregistered
    assert tensor.source is not None
    assert tensor.source.code == "return x * self.scale  # here"
    assert (tensor.name, tensor.module, tensor.dtype) == ("0.scale", "0", "float32")


def test_registered_tensors_by_another_way_are_registered() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.same = [self.fc.weight]
            self.register_buffer("mean", torch.zeros(4))
            self.alias = {"mean": self.mean}

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.same[0]) - self.alias["mean"]

    report = modinspect.inspect(Model(), X)
    assert [op.inputs[1].origin for op in report.ops] == ["param:fc.weight", "buffer:mean"]
    assert report.unregistered == ()


def test_weights_made_in_forward() -> None:
    report = modinspect.inspect(Calls(lambda x: F.linear(x, torch.rand(3, 4))), X)
    assert lines(report) == [
        ". hidden create torch.rand() -> (3, 4)",
        ". hidden F.linear(input:0, unregistered:0) -> (2, 3) flops=48",
    ]
    assert unregistered(report) == ["weight tensor torch.rand (3, 4) params=0"]
    assert report.unregistered[0].source == report.ops[0].source


def test_weights_of_each_kind_of_layer() -> None:
    image = torch.ones(1, 2, 4, 4)
    ids = torch.tensor([0, 1])

    def forward(x: Tensor, image: Tensor, ids: Tensor) -> None:
        F.conv2d(image, torch.rand(3, 2, 1, 1))
        F.embedding(ids, torch.randn(5, 4))
        F.layer_norm(x, (4,), torch.ones(4), torch.zeros(4))
        F.batch_norm(image, None, None, torch.full((2,), 2.0), training=True)
        x @ torch.eye(4)
        torch.einsum("ij,kj->ik", x, torch.zeros(3, 4))
        torch.addmm(torch.arange(5.0), x, torch.empty(4, 5))

    assert found(forward, X, image, ids) == [
        "weight tensor torch.rand (3, 2, 1, 1) params=0",
        "weight tensor torch.randn (5, 4) params=0",
        "weight tensor torch.ones (4,) params=0",
        "weight tensor torch.full (2,) params=0",
        "weight tensor torch.eye (4, 4) params=0",
        "weight tensor torch.zeros (3, 4) params=0",
        "weight tensor torch.empty (4, 5) params=0",
    ]


def test_a_parameter_made_in_forward_is_a_weight_that_no_optimizer_trains() -> None:
    report = modinspect.inspect(Calls(lambda x: F.linear(x, nn.Parameter(torch.rand(3, 4)))), X)
    assert lines(report)[1] == ". hidden F.linear(input:0, unregistered:0) -> (2, 3) flops=48"
    assert unregistered(report) == ["weight tensor torch.rand (3, 4) params=0"]


def test_a_tensor_bound_to_a_function() -> None:
    assert found(functools.partial(F.linear, weight=torch.ones(4, 4))) == ["attribute tensor _function.weight (4, 4) params=0"]


def test_a_weight_keeps_its_name_through_views_and_arithmetic_on_constants() -> None:
    def forward(x: Tensor) -> Tensor:
        weight = torch.rand(4, 3).t().contiguous() * 0.1
        return F.linear(x, weight)

    assert found(forward) == ["weight tensor torch.rand (3, 4) params=0"]


def test_masks_positions_and_biases_made_in_forward_are_plain_ops() -> None:
    def forward(x: Tensor) -> Tensor:
        mask = torch.tril(torch.ones(2, 2))
        positions = torch.arange(4)
        scores = (x @ x.T).masked_fill(mask == 0, -1e9).softmax(-1)
        return scores @ (x + positions) + torch.zeros(4)

    assert found(forward) == []


def test_an_empty_tensor_in_the_place_of_a_weight_is_none() -> None:
    separate = {name: nn.Parameter(torch.ones(4, 4)) for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight")}
    biases, out = nn.Parameter(torch.zeros(12)), nn.Linear(4, 4)

    def forward(x: Tensor) -> Tensor:
        empty = torch.empty(0)
        return F.multi_head_attention_forward(
            x,
            x,
            x,
            4,
            2,
            empty,
            biases,
            None,
            None,
            False,
            0.0,
            out.weight,
            out.bias,
            use_separate_proj_weight=True,
            **separate,
        )[0]

    report = modinspect.inspect(Calls(forward, biases=biases, out=out, **separate), torch.ones(3, 1, 4))
    assert report.error is None
    assert report.unregistered == ()


def test_a_weight_computed_from_the_input_or_from_parameters_is_no_unregistered_one() -> None:
    model = Calls(lambda x: F.linear(x, model.weight * torch.rand(3, 4)) @ (x[:, :3].T @ torch.ones(2, 3)), weight=None)
    model.weight = nn.Parameter(torch.ones(3, 4))
    report = modinspect.inspect(model, X)
    assert [op.inputs[1].origin for op in report.ops if op.name.endswith("linear")] == ["op:1"]
    assert [u.name for u in report.unregistered] == [
        "torch.ones"
    ]  # the right operand of x.T @ ones: a weight by the definition


def test_default_arguments_of_forward() -> None:
    class Model(nn.Module):
        def forward(self, x: Tensor, table: Tensor = torch.ones(4)) -> Tensor:  # noqa: B008
            return x * table

    assert unregistered(modinspect.inspect(Model(), X)) == ["attribute tensor forward.table (4,) params=0"]
