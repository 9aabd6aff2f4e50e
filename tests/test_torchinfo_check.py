"""torchinfo in the same forward: its own totals, and a run that it cannot spoil."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchinfo
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torchinfo.layer_info import LayerInfo

from modinspect.examples import MyModel
from modinspect.report import CrossCheck
from modinspect.torchinfo_check import TorchinfoCheck
from modinspect.trace import trace


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, bias=False))
        self.head = nn.Linear(4, 2)
        self.head.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(dim=(2, 3)))


class DictOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"hidden": self.inner(x), "pooled": x.sum()}


class OuterDict(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = DictOutput()
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.body(x)["hidden"] * self.scale}


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(6, 6), nn.ReLU()) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(self.fc(x))
        for block in [*self.blocks, self.blocks[0]]:
            x = block(x)
        return self.fc(x)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.norm = nn.LayerNorm(6)
        self.out = nn.Linear(6, 11, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.out(self.norm(self.embed(ids)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(4, 5, num_layers=2, batch_first=True)
        self.fc = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, state = self.rnn(x)
        return self.fc(y), state


class UsesHolder(nn.Module):
    """Its container is never called and holds tied weights: torchinfo has to add it to get all parameters of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.holder = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.holder[1].weight = self.holder[0].weight
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.holder[1](self.holder[0](x)) * self.scale


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(7), nn.ReLU(), nn.LazyLinear(2))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "example": (MyModel, lambda: torch.rand(1, 10)),
    "convolutions": (Convolutions, lambda: torch.rand(2, 3, 12, 12)),
    "dict outputs": (OuterDict, lambda: torch.rand(3, 4)),
    "reused modules": (Reused, lambda: torch.rand(2, 6)),
    "tied weights": (Tied, lambda: torch.arange(5)[None]),
    "recurrent": (Recurrent, lambda: torch.rand(2, 7, 4)),
    "containers not called": (UsesHolder, lambda: torch.rand(2, 4)),
    "transformer": (transformer, lambda: torch.rand(1, 5, 8)),
    "lazy": (lazy, lambda: torch.rand(2, 3)),
    "no parameters": (lambda: nn.Sequential(nn.ReLU(), nn.Flatten()), lambda: torch.rand(2, 3)),
}


def check(model: nn.Module, *args: Any) -> CrossCheck:
    with torch.no_grad(), TorchinfoCheck().watch(model) as torchinfo_check:
        model(*args)
    return torchinfo_check.result()


@pytest.mark.parametrize("name", MODELS)
def test_the_totals_are_those_of_torchinfo_in_a_run_of_its_own(name: str) -> None:
    build, make_input = MODELS[name]
    x = make_input()
    model = build().eval()
    alone = torchinfo.summary(copy.deepcopy(model), input_data=x, verbose=0)
    seen = check(model, x)
    assert seen.note is None
    assert (seen.params, seen.trainable_params, seen.mult_adds) == (
        alone.total_params,
        alone.trainable_params,
        alone.total_mult_adds,
    )


def test_the_numbers_of_the_example() -> None:
    assert check(MyModel(), torch.rand(1, 10)) == CrossCheck(
        version=version("torchinfo"),
        params=55,  # 10 * 5 + 5
        trainable_params=55,
        mult_adds=55,  # the F.linear is not seen
        layers=2,
    )


def hooks(model: nn.Module) -> list[tuple[list[Any], list[Any]]]:
    return [(list(m._forward_pre_hooks.items()), list(m._forward_hooks.items())) for m in model.modules()]


class Raises(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        self.fc(x)
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_hooks_are_removed_and_the_error_passes_when_the_forward_raises(error: BaseException) -> None:
    model = Raises(error)
    model.fc.register_forward_hook(lambda *_: None)
    before = hooks(model)
    watch = TorchinfoCheck().watch(model)
    with pytest.raises(type(error)), watch:
        model(torch.rand(1, 3))
    assert hooks(model) == before
    assert watch.result().params is None
    assert watch.result().note == "the forward did not finish"


class Odd:
    pass


class OddOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Odd:
        result = Odd()
        result.y = self.fc(x)
        return result


class OddInside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.odd = OddOutput()

    def forward(self, x: Tensor) -> Tensor:
        return self.odd(x).y * 2


def test_what_torchinfo_cannot_count_is_a_note_and_the_forward_goes_on() -> None:
    model = OddInside()
    before = hooks(model)
    x = torch.rand(1, 3)
    with TorchinfoCheck().watch(model) as watch:
        y = model(x)
    assert torch.equal(y, model.odd.fc(x) * 2)
    assert hooks(model) == before
    seen = watch.result()
    assert (seen.params, seen.trainable_params, seen.mult_adds, seen.layers) == (None, None, None, None)
    assert seen.note == ("it failed at OddOutput (TypeError: Model contains a layer with an unsupported input or output type)")


class OddKernel(nn.Module):
    kernel_size = 3.5

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_an_installation_that_fails_half_way_leaves_no_hook() -> None:
    model = nn.Sequential(nn.Linear(3, 3), OddKernel())
    model[0].register_forward_pre_hook(lambda *_: None)
    before = hooks(model)
    with TorchinfoCheck().watch(model) as watch:
        assert hooks(model) == before
        model(torch.rand(1, 3))
    assert hooks(model) == before
    assert "kernel_size has an unexpected type" in str(watch.result().note)


def test_an_installation_that_is_interrupted_leaves_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(model_name: str, module: nn.Module, *_: object) -> None:
        module.register_forward_hook(lambda *_: None)
        raise KeyboardInterrupt

    monkeypatch.setattr("torchinfo.torchinfo.apply_hooks", interrupted)
    model = nn.Linear(3, 3)
    with pytest.raises(KeyboardInterrupt), TorchinfoCheck().watch(model):
        pass
    assert hooks(model) == [([], [])]


def test_a_torchinfo_that_is_not_installed_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchinfo.torchinfo", None)
    assert "ModuleNotFoundError" in str(check(nn.Linear(3, 3), torch.rand(1, 3)).note)


def nested(depth: int) -> nn.Module:
    model: nn.Module = nn.Linear(2, 2)
    for _ in range(depth):
        model = nn.Sequential(model)
    return model


def test_each_layer_is_summed_up_once_however_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    summed_up: list[LayerInfo] = []
    original = LayerInfo.leftover_params

    def counting(layer: LayerInfo) -> int:
        summed_up.append(layer)
        return original(layer)

    monkeypatch.setattr(LayerInfo, "leftover_params", counting)
    seen = check(nested(12), torch.rand(1, 2))
    assert (seen.params, seen.mult_adds, seen.layers) == (6, 6, 1)
    assert len(summed_up) == 13  # torchinfo alone: 2 to the power of 12


def test_a_thousand_levels_are_not_asked_about() -> None:
    with TorchinfoCheck().watch(nested(1000)) as watch:
        pass
    assert watch.result().note == "not asked, as modules are nested more than 100 deep"


def test_modules_that_contain_each_other_are_not_asked_about() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].back = model
    with TorchinfoCheck().watch(model) as watch:
        pass
    assert "nested" in str(watch.result().note)


def test_shared_modules_with_a_million_paths_are_not_asked_about() -> None:
    model: nn.Module = nn.Linear(2, 2)
    for _ in range(20):
        model = nn.Sequential(model, model)
    with TorchinfoCheck().watch(model) as watch:
        pass
    assert "more than 100,000 ways" in str(watch.result().note)


class SeenFunctions(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


class SeenOperators(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


class Pruned(nn.Module):
    """torchinfo sums the mask of such a weight, at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(torch.rand(3, 3))
        self.register_buffer("weight_mask", torch.eye(3))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight_orig * self.weight_mask)


def test_no_mode_sees_what_torchinfo_asks_of_tensors() -> None:
    model = nn.Sequential(Pruned(), nn.ReLU())
    x = torch.rand(1, 3)

    def run(watch: TorchinfoCheck | None) -> tuple[list[str], list[str]]:
        with torch.no_grad(), SeenFunctions() as functions, SeenOperators() as operators:
            if watch is None:
                model(x)
            else:
                with watch:
                    model(x)
        return functions.names, operators.names

    watch = TorchinfoCheck().watch(model)
    assert run(watch) == run(None)
    assert watch.result().params == 3


def test_nothing_is_kept_and_a_copy_made_in_forward_is_left_alone() -> None:
    class Copies(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            copies.append(copy.deepcopy(self.fc))
            activations.append(weakref.ref(y := self.fc(x)))
            return y * 2

    copies: list[nn.Module] = []
    activations: list[Any] = []
    model = Copies()
    with TorchinfoCheck().watch(model) as watch:
        model(torch.rand(1, 2))
    alive = weakref.ref(model)
    assert activations[0]() is None
    copies[0](torch.rand(1, 2))
    del model
    gc.collect()
    assert alive() is None
    assert watch.result().params == 6


@dataclass
class State:
    tensors: dict[str, Tensor]
    training: list[bool]


def state(model: nn.Module) -> State:
    return State({k: v.clone() for k, v in model.state_dict().items()}, [m.training for m in model.modules()])


def test_the_model_stays_as_it_was() -> None:
    model = Convolutions().train()
    model.features[1].eval()
    before, layout = state(model), hooks(model)
    check(model, torch.rand(2, 3, 12, 12))
    after = state(model)
    assert hooks(model) == layout
    assert after.training == before.training
    assert all(torch.equal(after.tensors[k], before.tensors[k]) for k in before.tensors)


@dataclass
class Pair:
    hidden: Tensor
    logits: Tensor


class ReturnsDataclass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Pair:
        return Pair(x, self.fc(x))


def test_a_dataclass_that_a_forward_returns_is_counted() -> None:
    counted = check(ReturnsDataclass(), torch.rand(5, 3))
    assert (counted.params, counted.mult_adds, counted.note) == (8, 5 * 8, None)


def test_the_hooks_sit_in_the_copy_of_a_lazy_model_that_runs() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    counting = TorchinfoCheck()
    trace(model, (torch.rand(5, 3),), observer=counting.watch)
    counted = counting.result()
    assert (counted.params, counted.mult_adds) == (3 * 4 + 4 + 4 * 2 + 2, 5 * 26)
