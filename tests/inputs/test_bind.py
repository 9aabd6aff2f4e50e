"""How inputs reach ``forward``."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.inputs.input_helpers import Decorated, Net, error, made


class Takes(nn.Module):
    """Takes what ``forward`` takes."""

    def __init__(self, forward) -> None:
        super().__init__()
        self.forward = forward


class Strict(nn.Module):
    def forward(self, first, second, /, third, *, fourth):
        return first


def test_inputs_without_a_name_go_in_order_wherever_the_named_ones_stand():
    inputs = made("mask=1:bool", "2,3", model=Net())
    assert [value.shape for value in inputs.args] == [(2, 3)]
    assert inputs.kwargs["mask"].dtype is torch.bool
    assert (inputs.how, inputs.notes) == ("--input", ())


@pytest.mark.parametrize(
    ("specs", "model", "message", "hint"),
    [
        (
            ["1", "maks=1"],
            Net(),
            "forward of Net takes no argument 'maks'",
            "Did you mean 'mask'? forward takes: x, mask, scale.",
        ),
        (["mask=1"], Net(), "forward of Net needs the argument 'x'", "Add --input x=DIMS."),
        ([], Net(), "forward of Net needs the argument 'x'", "Add --input x=DIMS."),
        (["1", "1", "1"], Net(), "takes 2 positional arguments, 3 were given", "forward takes: x, mask, scale."),
        (["1", "x=1"], Net(), "gets the argument 'x' twice", "in order"),
        (["x=1", "x=1"], Net(), "'x' is given twice", "once"),
        (
            ["1", "second=1", "third=1", "fourth=1"],
            Strict(),
            "takes the argument 'second' by position only",
            "Leave out the name.",
        ),
        (
            ["1"],
            Strict(),
            "needs the arguments 'second', 'third' and 'fourth'",
            "--input DIMS --input third=DIMS --input fourth=DIMS",
        ),
        (["1"], nn.Bilinear(1, 1, 1), "needs the argument 'input2'", "--input input2=DIMS"),
        (["1", "inputt1=1"], nn.Bilinear(1, 1, 1), "no argument 'inputt1'", "Did you mean 'input1' or 'input2'?"),
        (["1"], Takes(lambda: None), "takes no positional arguments, 1 were given", "forward takes: nothing."),
    ],
)
def test_inputs_that_forward_does_not_take_are_refused_with_what_it_takes(specs, model, message, hint):
    wrong = error(*specs, model=model)
    assert message in wrong.message
    assert hint in wrong.hint


@pytest.mark.parametrize("forward", [lambda *values: values, lambda values, /: values])
def test_only_what_can_be_given_by_name_is_proposed_for_a_wrong_name(forward):
    assert "Did you mean" not in error("1", "valuez=1", model=Takes(forward)).hint


def test_a_forward_that_takes_anything_gets_anything():
    assert set(made("1", "a=1", "b=1").kwargs) == {"a", "b"}


def test_what_may_change_the_arguments_makes_a_misfit_a_note():
    assert made(model=Decorated()).notes == ("forward of Decorated needs the argument 'x', according to its signature",)
    hooked = Net()
    hooked.register_forward_pre_hook(lambda module, args: (torch.zeros(3),))
    assert "needs the argument 'x'" in made(model=hooked).notes[0]


def test_a_forward_without_a_signature_is_not_checked():
    class Odd(Net):
        @property
        def forward(self):
            return print

    class Raises(Net):
        forward = SimpleNamespace(__signature__="none", __call__=None)

    assert len(made("1", "1", "1", model=Odd()).args) == 3
    assert len(made("1", "1", "1", model=Raises()).args) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_compiled_scripted_and_traced_modules_get_inputs():
    linear = nn.Linear(3, 3)
    for model in (torch.compile(linear), torch.jit.script(linear), torch.jit.trace(linear, torch.ones(1, 3))):
        assert made("1,3", model=model).args[0].shape == (1, 3)
