"""Models with data under the names of ``nn.Module``'s methods: torch runs them, so they can be inspected and linted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import modinspect
from modinspect import registered

NAMES = ["parameters", "named_parameters", "buffers", "modules", "named_modules", "children", "train"]


class Shadows(nn.Module):
    """84 parameters, 36 of them unused: ``shadowed`` names get a dictionary at the root, in ``sub`` or in both."""

    def __init__(self, name: str, where: tuple[str, ...] = ("root",)) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.sub = nn.Sequential(nn.Linear(4, 4))
        self.unused = nn.Embedding(9, 4)
        for place in where:
            vars(self if place == "root" else self.sub)[name] = {"lr": 1}

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.sub(self.norm(self.first(x)))
        return y


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("where", ["root", "sub"])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_data_under_the_name_of_a_method_is_shown(name: str, where: str) -> None:
    target = f"tests.test_shadowed_methods:Shadows({name!r}, ({where!r},))"
    for train in (False, True):
        report = modinspect.inspect_target(target, ["2,4"], train=train)
        assert report.error is None
        assert (report.totals.params, report.totals.flops, report.totals.ops) == (
            84,
            2 * (2 * 2 * 4 * 4),
            3 + train,
        )  # the norm counts its batches
        assert {module.training for module in report.modules} == {train}


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_guessed_for_it(name: str) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            vars(self)[name] = vars(self.embed)[name] = [3]

        def forward(self, input_ids: Tensor) -> Tensor:
            y: Tensor = self.embed(input_ids)
            return y

    from modinspect.inputs import guess_inputs

    found = guess_inputs(Tokens())
    assert found is not None
    assert {key: tuple(value.shape) for key, value in found.kwargs.items()} == {"input_ids": (1, 16)}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_data_under_the_name_of_a_method_is_linted(name: str) -> None:
    linted = modinspect.lint(Shadows(name, ("root", "sub")), torch.ones(2, 4))
    assert {finding.rule for finding in linted.findings} == {"MI301", "MI602"}
    # torch's own model.to() calls children(): then nobody can move this model.
    assert {skipped.rule for skipped in linted.skipped} == ({"MI502", "MI503"} if name == "children" else set())


def test_what_is_registered_is_listed_as_by_the_methods() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.Sequential(nn.BatchNorm1d(2), shared), nn.Identity())
    model.add_module("none", None)
    model.register_parameter("tied", shared.weight)
    assert list(registered.named_modules(model)) == list(model.named_modules())
    assert list(registered.walk(model)) == list(model.named_modules(remove_duplicate=False))
    assert [(name, id(p)) for name, p in registered.named_parameters(model)] == [
        (name, id(p)) for name, p in model.named_parameters()
    ]
    assert list(map(id, registered.buffers(model))) == list(map(id, model.buffers()))


def test_a_method_of_the_models_own_is_still_called() -> None:
    class Frozen(nn.Module):
        def train(self, mode: bool = True) -> Frozen:
            return super().train(False)  # type: ignore[return-value]

    model = nn.Sequential(Frozen())
    registered.switch_mode(model, "train")
    assert [module.training for module in model.modules()] == [True, False]
