"""``modinspect.lint`` on a live model."""

from __future__ import annotations

import gc
import weakref
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modinspect
from modinspect.errors import ConfigError, InputError, RunError
from modinspect.linter.arguments import arguments
from modinspect.testing import assert_clean


class Loose(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(10, 5)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return F.linear(self.fc(x) * scale, torch.ones(3, 5))


class Says(Loose):
    example_input_array = torch.zeros(2, 10)


class Raises(Loose):
    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        raise ValueError("no")


X = torch.rand(1, 10)


def test_findings_name_the_class_and_the_line() -> None:
    report = modinspect.lint(Loose(), X, select=["MI103"])
    (found,) = report.findings
    assert (found.rule, found.target, report.targets) == ("MI103", "Loose", ("Loose",))
    assert found.source is not None
    assert found.source.code == "return F.linear(self.fc(x) * scale, torch.ones(3, 5))"
    assert "error[MI103]" in str(report)


def test_rules_can_be_ignored_and_graded() -> None:
    assert modinspect.lint(Loose(), X, select=["MI10"], ignore=["MI103"]).at_least("error") == ()
    report = modinspect.lint(Loose(), X, select=["MI103"], severity={"unregistered-weight": "info"})
    assert [one.severity for one in report.findings] == ["info"]


def test_the_model_is_left_as_it_was() -> None:
    model = Loose().train()
    model.fc.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    modinspect.lint(model, X)
    assert torch.equal(torch.rand(1), expected)
    assert (model.training, model.fc.training) == (True, False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_model_and_its_class_are_gone_when_the_caller_lets_go_of_them() -> None:
    def made() -> nn.Module:
        class Forgetful(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.used, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)

            def forward(self, x: torch.Tensor) -> Any:
                return self.used(x)

        return Forgetful()

    model = made()
    references = [weakref.ref(model), weakref.ref(type(model))]
    report = modinspect.lint(model, torch.ones(2, 4), select=["MI301"])
    assert [(found.rule, found.source and found.source.function.rpartition(".")[2]) for found in report.findings] == [
        ("MI301", "__init__")
    ]
    del model
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_a_forward_that_raises_is_an_error() -> None:
    with pytest.raises(RunError, match="forward raised ValueError: no"):
        modinspect.lint(Raises(), X)


def test_a_rule_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no rule 'MI999'"):
        modinspect.lint(Loose(), X, select=["MI999"])


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("inputs", "args", "kwargs"),
    [
        (X, (X,), {}),
        ((X, 2.0), (X, 2.0), {}),
        ([X], (X,), {}),
        ({"x": X}, (), {"x": X}),
        (((X,), {"scale": 2.0}), (X,), {"scale": 2.0}),
        ([(X,), {}], (X,), {}),
        (Pair(X, X), (Pair(X, X),), {}),
        ((), (), {}),
    ],
)
def test_inputs_are_arguments(inputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    found = arguments(Loose(), inputs)
    assert list(map(id, flat(found))) == list(map(id, flat((args, kwargs))))


def flat(value: Any) -> Iterator[Any]:
    """What is inside of containers."""
    if isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from flat(item)
    else:
        yield value


def test_inputs_can_be_specs_or_what_the_model_says() -> None:
    assert arguments(Loose(), "1,10")[0][0].shape == (1, 10)
    (args, kwargs) = arguments(Loose(), ["4,10", "scale=1:float64"])
    assert (args[0].shape, kwargs["scale"].dtype) == ((4, 10), torch.float64)
    assert arguments(Says(), None)[0][0].shape == (2, 10)
    with pytest.raises(InputError, match="Loose does not say what its inputs are"):
        arguments(Loose(), None)


def test_assert_clean_shows_what_it_found() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_clean(Loose(), X, select=["MI103"])
    text = str(raised.value)
    assert text.startswith("Loose is not clean\n\nerror[MI103] unregistered-weight: ")
    assert "return F.linear(self.fc(x) * scale, torch.ones(3, 5))" in text


def test_assert_clean_passes_where_nothing_is_that_bad() -> None:
    report = assert_clean(Loose(), X, select=["MI101", "MI103"], ignore=["MI103"])
    assert [one.rule for one in report.findings] == ["MI101"]
    with pytest.raises(AssertionError):
        assert_clean(Loose(), X, select=["MI101"], fail_on="info")
    assert_clean(nn.Linear(10, 5), "1,10")
