"""A target, from its name to what the rules say of it: with memory, without, and what can go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from modinspect.errors import InputError, ModinspectError, RunError, TargetError
from modinspect.linter import lint_target as lint_target_module
from modinspect.linter.check import Checked
from modinspect.linter.lint_target import Job, lint_target
from modinspect.session import Request, fallback

MODELS = """
import torch
from torch import nn

BUILT = []

class Net(nn.Module):
    dummy_inputs = {"x": torch.zeros(2, 10)}

    def __init__(self, width=5):
        super().__init__()
        self.fc = nn.Linear(10, width)
        BUILT.append(self.fc.weight.device.type)

    def forward(self, x):
        return self.fc(x)

class Branches(Net):
    def forward(self, x):
        y = self.fc(x)
        return y if y.sum() > 0 else -y

class Raises(Net):
    def forward(self, x):
        return self.fc(x[:, :3])

class ReadsItsWeights(Net):
    def __init__(self):
        super().__init__()
        if self.fc.weight.isnan().any().item():
            raise ValueError("nan")

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyBatchNorm1d())

    def forward(self, x):
        return self.net(x)

class Silent(nn.Module):
    def forward(self, x):
        return x
"""

RULES = ("MI103", "MI202")


@pytest.fixture(autouse=True)
def _models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(MODELS)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every model count as one that is too large to be built with its memory."""
    monkeypatch.setattr(lint_target_module, "_REAL_UP_TO", -1)


def lint(name: str, inputs: tuple[str, ...] = ("2,10",), **how: object) -> Checked:
    job = Job(name, Request(f"net.py:{name}", inputs, **how), RULES)  # type: ignore[arg-type]
    return lint_target(job, lambda _: None)


def test_a_small_model_is_run_for_real_so_that_every_rule_is_decided() -> None:
    said = lint("Net")
    assert said.decided == set(RULES)
    assert said.target == "Net"


@pytest.mark.usefixtures("large")
def test_a_large_model_is_run_without_memory_and_rules_that_need_values_are_not_decided() -> None:
    said = lint("Net")
    assert said.decided == {"MI103"}
    (skipped,) = said.skipped
    assert (skipped.rule, skipped.target) == ("MI202", "Net")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["Branches", "ReadsItsWeights"])
def test_a_large_model_that_needs_values_is_run_for_real(name: str) -> None:
    assert lint(name).decided == set(RULES)


@pytest.mark.usefixtures("large")
def test_what_a_model_that_is_too_large_for_a_real_run_raises_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "CONFIRMED_UP_TO", -1)
    with pytest.raises(RunError, match="without memory"):
        lint("Branches")


def test_where_the_run_must_be_without_memory_there_is_no_other() -> None:
    assert lint("Net", device="weightless").decided == {"MI103"}
    with pytest.raises(RunError) as raised:
        lint("Branches", device="weightless")
    assert "--device cpu" in raised.value.hint


def test_a_device_can_be_named() -> None:
    assert lint("Branches", device="cpu").decided == set(RULES)
    with pytest.raises(RunError, match="the device 'nonsense' can't be used"):
        lint("Net", device="nonsense")
    with pytest.raises(InputError, match="'weightless:nonsense' isn't a device"):
        lint("Net", device="weightless:nonsense")


def test_the_models_own_inputs_are_taken_where_none_are_given() -> None:
    assert lint("Net", ()).decided == set(RULES)
    with pytest.raises(InputError) as raised:
        lint("Silent", ())
    assert raised.value.message == "there is no input for Silent"
    assert "forward takes" in raised.value.hint


def test_arguments_and_dtype_reach_the_model() -> None:
    assert lint("Net", init={"width": 7}, dtype="float64").decided == set(RULES)
    with pytest.raises(TargetError, match="depth"):
        lint("Net", init={"depth": 7})
    with pytest.raises(InputError, match="'int8' isn't a floating-point dtype"):
        lint("Net", dtype="int8")


@pytest.mark.parametrize("memory", ["auto", "weightless", "cpu"])
def test_a_forward_that_raises_is_an_error_that_says_where(memory: str) -> None:
    with pytest.raises(RunError) as raised:
        lint("Raises", device=memory)
    assert raised.value.message.startswith("forward raised RuntimeError: ")
    assert "net.py:" in raised.value.message
    assert "fc expects 10 features, got 3" in raised.value.hint


def test_progress_is_told_in_words() -> None:
    told: list[str] = []
    lint_target(Job("label", Request("net.py:Net", ("2,10",)), ("MI103",)), told.append)
    assert told[0] == "importing label"
    assert told[-1] == "asking MI103 about label"
    assert "running label" in told


@pytest.mark.parametrize("name", ["net.py:Nope", "net.py", "nope.py:Net", "", "net.py:BUILT", "net.py:Net(1, 2, 3)"])
def test_targets_that_are_none_are_errors(name: str) -> None:
    with pytest.raises(ModinspectError):
        lint_target(Job(name, Request(name, ("2,10",)), ("MI103",)), lambda _: None)


@pytest.mark.usefixtures("large")
def test_a_large_model_whose_guessed_inputs_need_values_is_run_for_real() -> None:
    assert lint("Branches", ()).decided == set(RULES)


def test_without_memory_a_guessed_input_that_needs_values_is_a_failed_run() -> None:
    with pytest.raises(RunError, match="the model can't run weightless") as raised:
        lint("Branches", (), device="weightless")
    assert "--device cpu" in raised.value.hint


def test_a_model_that_gets_its_sizes_from_its_first_input_is_run() -> None:
    assert lint("Lazy").decided == set(RULES)
