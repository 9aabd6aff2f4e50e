"""Calls of a known kind are not looked at again: what makes a call another kind must be noticed.

Each forward here makes a call, changes something that decides what the same call becomes, and makes it again.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary
from torch.utils._python_dispatch import TorchDispatchMode

import modinspect
from modinspect.report import Report


class Calls(nn.Module):
    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.run = forward

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def inspect(forward: Any, x: Tensor | None = None) -> Report:
    """After a check that the report gives each op's outputs as they were."""
    made: list[tuple[tuple[int, ...], torch.dtype]] = []

    def noting(self: Calls, x: Tensor) -> Any:
        results = forward(self, x)
        made.extend((tuple(result.shape), result.dtype) for result in results)
        return results

    report = modinspect.inspect(Calls(noting), torch.ones(3, 4) if x is None else x)
    assert report.error is None
    assert [(output.shape, f"torch.{output.dtype}") for output in report.outputs] == [(s, str(d)) for s, d in made]
    for output in report.outputs:
        assert output.origin is not None
        kind, _, index = output.origin.partition(":")
        if kind == "op":
            assert (output.shape, output.dtype) in [(r.shape, r.dtype) for r in report.ops[int(index)].outputs]
    return report


def flops(report: Report, name: str) -> list[int | None]:
    return [op.flops for op in report.ops if op.name.endswith(name)]


def test_shapes_change_in_place() -> None:
    def forward(_: Calls, x: Tensor) -> Any:
        y = x.clone()
        first = y @ torch.ones(4, 2)
        y.t_()
        y.resize_(2, 4)
        return first, y @ torch.ones(4, 2), y.unsqueeze_(0) @ torch.ones(4, 2)

    assert flops(inspect(forward), "matmul") == [2 * 3 * 4 * 2, 2 * 2 * 4 * 2, 2 * 2 * 4 * 2]


def test_data_is_another() -> None:
    def forward(self: Calls, x: Tensor) -> Any:
        first = F.linear(x, self.fc.weight)
        self.fc.weight.data = torch.ones(2, 4)
        return first, F.linear(x, self.fc.weight)

    assert flops(inspect(forward), "linear") == [2 * 3 * 4 * 4, 2 * 3 * 4 * 2]


def test_the_default_dtype_is_another() -> None:
    def forward(_: Calls, x: Tensor) -> Any:
        whole = torch.arange(3)
        first = whole / 2, torch.zeros(2)
        torch.set_default_dtype(torch.float64)
        return *first, whole / 2, torch.zeros(2)

    assert [output.dtype for output in inspect(forward).outputs] == ["float32", "float32", "float64", "float64"]


def test_autograd_is_switched_on() -> None:
    def forward(self: Calls, x: Tensor) -> Any:
        first = self.fc(x) * 2
        with torch.enable_grad():
            hidden = self.fc(x) * 2
            (slope,) = torch.autograd.grad(hidden.sum(), self.fc.weight)
        self.fc.weight.requires_grad_(False)
        with torch.enable_grad():
            assert not F.linear(x, self.fc.weight).requires_grad
        return first, slope, self.fc(x) * 2

    report = inspect(forward)
    assert flops(report, "linear") == [2 * 3 * 4 * 4] * 4


def test_autocast_is_switched_on() -> None:
    def forward(self: Calls, x: Tensor) -> Any:
        first = self.fc(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            second = self.fc(x)
        return first, second, self.fc(x)

    assert [output.dtype for output in inspect(forward).outputs] == ["float32", "bfloat16", "float32"]


def test_values_decide() -> None:
    def forward(_: Calls, x: Tensor) -> Any:
        masks = torch.tensor([True, False, True]), torch.tensor([False, False, True])
        counts = torch.tensor([1, 2, 1]), torch.tensor([1, 1, 3])
        return (
            *(x[mask] for mask in masks),
            *(mask.nonzero() for mask in masks),
            *(torch.repeat_interleave(x, count, dim=0) for count in counts),
            *(x.narrow(0, 0, torch.tensor(size)) for size in (1, 2)),  # type: ignore[arg-type]
            *(torch.zeros(torch.tensor(size)) for size in (1, 2)),
        )

    inspect(forward)


def test_a_function_of_the_users_does_another_thing() -> None:
    """It asks torch to be seen as one op, but what it does is not torch's to say."""
    widths = iter((2, 5))

    def project(x: Tensor) -> Any:
        if has_torch_function_unary(x):
            return handle_torch_function(project, (x,), x)
        return x @ torch.ones(4, next(widths))

    report = inspect(lambda _, x: (project(x), project(x)))
    assert flops(report, "project") == [2 * 3 * 4 * 2, 2 * 3 * 4 * 5]


class Sees(TorchDispatchMode):
    """A mode that somebody's own code enters."""

    seen: list[str] = []  # noqa: RUF012

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def test_an_operator_written_in_python_enters_a_mode_of_its_own_each_time() -> None:
    @torch.library.custom_op("modinspect_tests::watched", mutates_args=())
    def watched(x: Tensor) -> Tensor:
        with Sees():
            return x * 2

    Sees.seen.clear()
    report = inspect(lambda _, x: (watched(x), watched(x), watched(x)))
    assert Sees.seen == ["aten.mul.Tensor"] * 3
    assert [op.aten for op in report.ops] == [("modinspect_tests.watched.default",)] * 3


def test_a_tensor_that_was_seen_is_conjugated() -> None:
    def forward(_: Calls, x: Tensor) -> Any:
        z = torch.complex(x, x)  # the conjugated one is made before it is multiplied
        return z * z, z.conj() * z, z * z

    report = inspect(forward)
    assert [len(op.aten) for op in report.ops if op.name == "torch.Tensor.mul"] == [1, 2, 1]


@pytest.mark.parametrize("fails", [False, True])
def test_a_known_call_that_raises_is_the_one_that_failed(fails: bool) -> None:
    def forward(_: Calls, x: Tensor) -> Any:
        rows = torch.tensor([0, 5 if fails else 1])
        return x.index_select(0, torch.tensor([0, 1])), x.index_select(0, rows)

    report = modinspect.inspect(Calls(forward), torch.ones(3, 4))
    assert (report.error is not None) == fails
    if report.error is not None:
        assert report.error.op is not None
        assert report.error.op.name == "torch.Tensor.index_select"
        assert [operand.shape for operand in report.error.op.inputs] == [(3, 4), (2,)]
