"""The name by which a caller knows the module that it calls."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import modinspect
from modinspect.report import Report, names_at_caller
from tests.trace.trace_helpers import Calls

X = torch.rand(2, 4)


def names(report: Report) -> list[str]:
    return names_at_caller(report.calls, {module.path: module for module in report.modules})


def test_a_shared_layer_has_the_name_that_each_caller_gave_it() -> None:
    act = nn.PReLU()
    first, second = nn.Sequential(nn.Linear(4, 4), act), nn.Sequential(nn.Linear(4, 4), nn.Sequential(act))
    report = modinspect.inspect(Calls(lambda x: act(second(first(x))), first=first, second=second, act=act), X)
    assert [call.module for call in report.calls] == [
        *("", "first", "first.0", "first.1"),
        *("second", "second.0", "second.1", "first.1"),
        "first.1",
    ]
    assert names(report) == ["", "first", "0", "1", "second", "0", "1", "0", "act"]


def test_the_children_of_a_shared_module_keep_their_names() -> None:
    block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    report = modinspect.inspect(Calls(lambda x: block(block(x)), a=block, b=block), X)
    assert names(report) == ["", "a", "0", "1", "a", "0", "1"]


def test_a_module_that_lives_elsewhere_keeps_its_whole_path() -> None:
    class Borrows(nn.Module):
        def __init__(self, act: nn.Module) -> None:
            super().__init__()
            self.held = [act]

        def forward(self, x: Tensor) -> Tensor:
            return self.held[0](x)

    deep = nn.Sequential(nn.Sequential(nn.ReLU()))
    report = modinspect.inspect(Calls(lambda x: borrows(deep(x)), deep=deep, borrows=(borrows := Borrows(deep[0][0]))), X)
    assert names(report) == ["", "deep", "0", "0", "borrows", "deep.0.0"]


def test_a_module_below_an_uncalled_container_is_named_from_the_caller_on() -> None:
    layers = nn.ModuleList([nn.ModuleDict({"fc": nn.Linear(4, 4)})])
    report = modinspect.inspect(Calls(lambda x: layers[0]["fc"](x) + 1, layers=layers), X)
    assert names(report) == ["", "layers.0.fc"]


def test_the_table_shows_these_names() -> None:
    act = nn.PReLU()
    shared = nn.Sequential(nn.Linear(4, 4), act)
    text = str(modinspect.inspect(Calls(lambda x: act(shared(x)), shared=shared, act=act), X))
    assert "1  PReLU" in text
    assert "└ act  PReLU" in text
    assert "shared.1" not in text
