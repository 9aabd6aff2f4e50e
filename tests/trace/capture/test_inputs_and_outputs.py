"""Tensors in containers: what goes into a forward and what comes out of it."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

import modinspect
from tests.trace.trace_helpers import Calls, lines

X = torch.ones(2, 4)


def outputs(function: Any, *args: Any) -> list[tuple[str, Any, str | None]]:
    report = modinspect.inspect(Calls(function), *(args or (X,)))
    assert report.error is None
    return [(output.path, output.shape, output.origin) for output in report.outputs]


@dataclasses.dataclass
class Pair:
    first: Tensor
    rest: Any


Point = collections.namedtuple("Point", ["x", "y"])


def test_a_bare_tensor_and_none() -> None:
    assert outputs(lambda x: x + 1) == [("", (2, 4), "op:0")]
    assert outputs(lambda x: None) == []
    assert outputs(lambda x: x) == [("", (2, 4), "input:0")]
    assert outputs(lambda x: "no tensor") == []


def test_dicts_dataclasses_and_what_is_nested() -> None:
    def forward(x: Tensor) -> Any:
        return {"logits": x + 1, "none": None, "pair": Pair(x * 2, [x, (x.sum(), "text")]), "point": Point(x.T, 3), 7: {"a": x}}

    assert outputs(forward) == [
        ("logits", (2, 4), "op:0"),
        ("pair.first", (2, 4), "op:1"),
        ("pair.rest.0", (2, 4), "input:0"),
        ("pair.rest.1.0", (), "op:2"),
        ("point.x", (4, 2), "op:3"),
        ("7.a", (2, 4), "input:0"),
    ]


def test_model_outputs() -> None:
    from transformers.modeling_outputs import BaseModelOutput

    assert outputs(lambda x: BaseModelOutput(last_hidden_state=x + 1, hidden_states=(x, x * 2))) == [
        ("last_hidden_state", (2, 4), "op:0"),
        ("hidden_states.0", (2, 4), "input:0"),
        ("hidden_states.1", (2, 4), "op:1"),
    ]


def test_a_container_that_holds_itself() -> None:
    def forward(x: Tensor) -> Any:
        loop: list[Any] = [x]
        loop.append(loop)
        return loop

    assert outputs(forward) == [("0", (2, 4), "input:0")]


def test_generators_and_iterators_are_not_used_up() -> None:
    class Yields(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return (x + step for step in range(2))

    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Yields()

        def forward(self, x: Tensor) -> Tensor:
            return sum(self.inner(x))  # type: ignore[return-value]

    report = modinspect.inspect(Sums(), X)
    assert report.error is None
    assert [op.name for op in report.ops] == ["torch.Tensor.add"] * 4


def test_lists_and_dicts_of_tensors_and_keywords_as_inputs() -> None:
    class Model(nn.Module):
        def forward(self, xs: list[Any], named: dict[str, Tensor], flag: bool = True, *, mask: Tensor) -> Tensor:
            return xs[1]["b"] + named["a"] + mask + xs[0]

    report = modinspect.inspect(Model(), [torch.ones(4), {"b": torch.ones(4)}], {"a": torch.ones(4)}, mask=torch.ones(4).bool())
    assert [(i.name, i.shape, i.dtype) for i in report.inputs] == [
        ("xs.0", (4,), "float32"),
        ("xs.1.b", (4,), "float32"),
        ("named.a", (4,), "float32"),
        ("mask", (4,), "bool"),
    ]
    assert lines(report) == [
        ". hidden Tensor.add(input:1, input:2) -> (4,)",
        ". hidden Tensor.add(op:0, input:3) -> (4,)",
        ". hidden Tensor.add(op:1, input:0) -> (4,)",
    ]


def test_variadic_arguments_are_numbered() -> None:
    class Model(nn.Module):
        def forward(self, first: Tensor, *rest: Tensor, **named: Tensor) -> Tensor:
            return first + rest[1] + named["k"]

    report = modinspect.inspect(Model(), X, X + 1, X + 2, k=X + 3)
    assert [i.name for i in report.inputs] == ["first", "rest.0", "rest.1", "k"]
    assert [op.inputs[1].origin for op in report.ops] == ["input:2", "input:3"]


def test_the_same_tensor_twice_is_two_inputs_of_one_origin() -> None:
    report = modinspect.inspect(Calls(lambda x, y: x + y), X, X)
    assert [i.name for i in report.inputs] == ["args.0", "args.1"]
    assert [operand.origin for operand in report.ops[0].inputs] == ["input:0", "input:0"]


def test_a_parameter_as_input_stays_a_parameter() -> None:
    model = Calls(lambda x: x * 2, weight=nn.Parameter(torch.ones(3)))
    report = modinspect.inspect(model, model.weight)
    assert report.ops[0].inputs[0].origin == "param:weight"


def test_no_inputs_at_all() -> None:
    report = modinspect.inspect(Calls(lambda: torch.zeros(2)))
    assert report.inputs == ()
    assert lines(report) == [". hidden create torch.zeros() -> (2,)"]


def test_inputs_and_outputs_of_calls_say_where_they_come_from() -> None:
    class Inner(nn.Module):
        def forward(self, x: Tensor, *, scale: Tensor) -> dict[str, Tensor]:
            return {"y": x * scale}

    inner = Inner()
    report = modinspect.inspect(Calls(lambda x: inner(x + 1, scale=x)["y"], inner=inner), X)
    call = report.calls[1]
    assert [(i.path, i.origin) for i in call.inputs] == [("0", "op:0"), ("scale", "input:0")]
    assert [(o.path, o.origin, o.shape) for o in call.outputs] == [("y", "op:1", (2, 4))]
    assert call.source is not None
    assert call.source.code is not None
    assert "inner(x + 1, scale=x)" in call.source.code


def test_dtypes_are_named_without_prefix() -> None:
    report = modinspect.inspect(Calls(lambda x: (x.half(), x > 0, x.long(), x.to(torch.bfloat16), x.cfloat())), X)
    assert [output.dtype for output in report.outputs] == ["float16", "bool", "int64", "bfloat16", "complex64"]
