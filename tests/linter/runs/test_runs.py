"""The runs behind the rules leave the model as it was, whatever they ask of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from modinspect.linter.rule import Undecided, apply
from modinspect.linter.rules import RULES
from modinspect.linter.runs.live_runs import LiveRuns
from modinspect.trace import Weightless, without_memory
from tests.linter.rules.rule_cases import CAN_DO_AS_IF_ON_A_GPU


class Restless(nn.Module):
    """A forward that changes what it can."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("seen", torch.zeros(()))
        self.history: list[Any] = []
        self.calls = 0
        self.head: nn.Module | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.seen += 1
        self.history.append(x.mean())
        if self.head is None:
            self.head = nn.Linear(8, 4)
        self.drop.train()
        with torch.no_grad():
            self.fc.weight.clamp_(-1, 1)
        return self.head(self.drop(self.norm(self.fc(x)))) + torch.rand(4)


def state(model: nn.Module) -> dict[str, Any]:
    return {
        "tensors": {name: tensor.clone() for name, tensor in model.state_dict(keep_vars=True).items()},
        "objects": {name: id(tensor) for name, tensor in model.state_dict(keep_vars=True).items()},
        "modes": {path: module.training for path, module in model.named_modules()},
        "attributes": {path: sorted(vars(module)) for path, module in model.named_modules()},
        "calls": getattr(model, "calls", None),
        "history": list(getattr(model, "history", [])),
        "grads": {name: parameter.grad for name, parameter in model.named_parameters()},
        "dtypes": {name: tensor.dtype for name, tensor in model.state_dict().items()},
        "torch": torch.get_rng_state(),
        "random": random.getstate(),
    }


def assert_same(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name, tensor in before.pop("tensors").items():
        assert torch.equal(now["tensors"][name], tensor)
    now.pop("tensors")
    assert torch.equal(now.pop("torch"), before.pop("torch"))
    assert now == before


@pytest.mark.parametrize("training", [True, False])
def test_all_rules_together_leave_the_model_and_the_process_as_they_were(training: bool) -> None:
    model = Restless().train(training)
    model.norm.eval()
    x = torch.randn(4, 8)
    given = x.clone()
    before = state(model)
    runs = LiveRuns(model, (x,))
    for rule in RULES:
        apply(rule, runs, target="net")
    assert_same(state(model), before)
    assert torch.equal(x, given)


class Merging(nn.Linear):
    """A LoRA that is merged into the weight in eval mode."""

    def __init__(self, how: str) -> None:
        super().__init__(8, 4)
        self.how = how
        self.a = nn.Parameter(torch.randn(2, 8))
        self.b = nn.Parameter(torch.randn(4, 2))
        self.merged = False

    def train(self, mode: bool = True) -> Merging:
        super().train(mode)
        if mode == self.merged:
            update = (self.b @ self.a).detach() * (-1 if mode else 1)
            if self.how == "in place":
                self.weight.data += update
            elif self.how == "data":
                self.weight.data = self.weight.data + update
            else:
                self.weight.detach().numpy()[...] += update.numpy()
            self.merged = not mode
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.linear(x, self.weight, self.bias)
        return y if self.merged else y + x @ self.a.T @ self.b.T


@pytest.mark.parametrize("how", ["in place", "data", "numpy"])
@pytest.mark.parametrize("training", [True, False])
def test_weights_that_a_mode_rewrites_are_put_back(how: str, training: bool) -> None:
    model = Merging(how).train(training)
    runs = LiveRuns(model, (torch.randn(4, 8),))
    before, memory = state(model), model.weight.data_ptr()
    findings = [finding for rule in RULES for finding in apply(rule, runs, target="net").findings]
    assert_same(state(model), before)
    assert model.weight.data_ptr() == memory
    assert model.merged is not training
    assert [finding for finding in findings if finding.severity != "info"] == []


def test_a_forward_that_raises_in_one_of_the_runs_leaves_the_model_as_it_was() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.training or x.shape[0] != 2 or x.dtype != torch.float32 or self.calls > 1:
                raise ValueError("not so")
            return self.fc(x)

    model = Net()
    x = torch.randn(2, 8)
    before = state(model)
    runs = LiveRuns(model, (x,))
    verdicts = {rule.id: apply(rule, runs, target="net") for rule in RULES}
    assert_same(state(model), before)
    assert verdicts["MI202"].skipped is not None
    assert "the forward raised ValueError: not so" in verdicts["MI202"].skipped.reason
    assert verdicts["MI403"].findings[0].severity == "warning"


def test_each_run_is_made_once() -> None:
    calls = []

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append((self.training, tuple(x.shape)))
            return x * 2

    runs = LiveRuns(Net(), (torch.randn(2, 8),))
    for _ in range(2):
        assert runs.report is runs.report
        assert runs.train() is runs.train()
        assert runs.batch(1) is runs.batch(1)
        assert runs.batch(2) is runs.report
    assert calls == [(False, (2, 8)), (True, (2, 8)), (False, (1, 8))]


def test_a_run_that_cannot_be_made_is_tried_once() -> None:
    calls = []

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(self.training)
            assert not self.training
            return x

    runs = LiveRuns(Net(), (torch.randn(2, 8),))
    for _ in range(2):
        with pytest.raises(Undecided, match="in train mode the forward raised AssertionError"):
            runs.train()
    assert calls.count(True) == 1


@pytest.mark.parametrize(
    ("args", "size"),
    [
        ((torch.randn(3, 8),), 3),
        ((torch.randn(1, 8), torch.randn(1, 5, 8)), 1),
        ((torch.randn(3, 8), torch.tensor(0.5)), 3),
        ((torch.randn(3, 8), torch.randn(1, 8)), 3),
        ((torch.zeros(3, 7, dtype=torch.int64), torch.ones(3)), 3),
        (({"x": torch.randn(3, 8), "y": [torch.randn(3, 2)]},), 3),
    ],
)
def test_the_batch_is_found(args: tuple[Any, ...], size: int) -> None:
    class Net(nn.Module):
        def forward(self, *args: Any) -> Any:
            return [tensor * 2 for tensor in torch.utils._pytree.tree_leaves(args)]

    runs = LiveRuns(Net(), args)
    assert runs.batch_size() == size
    assert runs.batch(size + 1).inputs[0].shape == (size + 1, *runs.report.inputs[0].shape[1:])


@pytest.mark.parametrize(
    "args",
    [
        (torch.randn(8),),
        (torch.tensor(1.0),),
        (3,),
        (torch.randn(3, 8), torch.randn(4, 8)),
        (torch.randn(0, 8),),
        (torch.zeros(5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)),
    ],
)
def test_where_nobody_can_say_what_the_batch_is_nothing_is_guessed(args: tuple[Any, ...]) -> None:
    class Net(nn.Module):
        def forward(self, *args: Any) -> Any:
            return args

    with pytest.raises(Undecided):
        LiveRuns(Net(), args).batch_size()


def test_the_batch_can_be_told() -> None:
    runs = LiveRuns(nn.LSTM(8, 8), (torch.randn(5, 2, 8),), batch_dim=1)
    assert runs.batch_size() == 2
    assert runs.batch(3).outputs[0].shape == (5, 3, 8)


def test_without_memory_the_rules_that_need_no_values_are_decided() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.spare = nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.linear(self.fc(x).squeeze(), torch.rand(3, 4))

    with without_memory() as aliases:
        model = Net()
    runs = LiveRuns(model, (torch.randn(2, 8),), weightless=Weightless(torch.device("cpu"), aliases))
    verdicts = {rule.id: apply(rule, runs, target="net") for rule in RULES}
    on_a_gpu = {"MI502"}
    found = {rule for rule, verdict in verdicts.items() if verdict.findings}
    skipped = {rule for rule, verdict in verdicts.items() if verdict.skipped}
    assert (found if CAN_DO_AS_IF_ON_A_GPU else skipped) >= on_a_gpu
    assert skipped - on_a_gpu == {"MI202", "MI302", "MI402"}
    assert found - on_a_gpu == {"MI101", "MI103", "MI301", "MI401", "MI503"}


def test_a_cache_that_one_forward_fills_is_empty_for_the_next() -> None:
    class Cache:
        def __init__(self) -> None:
            self.keys = torch.zeros(2, 0, 8)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor, cache: Cache) -> torch.Tensor:
            cache.keys = torch.cat([cache.keys, self.fc(x)[:, None]], 1)
            return cache.keys.sum(1)

    cache = Cache()
    runs = LiveRuns(Net(), (torch.randn(2, 8), cache))
    assert runs.nondeterminism() is None
    assert cache.keys.shape == (2, 0, 8)
