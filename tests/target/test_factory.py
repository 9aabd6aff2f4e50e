"""Building the model, and what can go wrong there."""

import pytest

from modinspect.errors import TargetError
from modinspect.target import load
from tests.target.target_helpers import built, error, write


def test_an_instance_is_returned_as_it_is(project):
    factory = load("net:model")
    assert factory.build() is factory.obj
    assert "takes no arguments" in error("net:model(3)").message
    assert "takes no arguments" in error("net:model", width=3).message


def test_init_gives_arguments_by_name(project):
    assert built("net:Net", width=5).fc.in_features == 5
    assert built("net:make(2)", a=1, b=2, c=3).out_features == 3


def test_load_builds_nothing(project):
    factory = load("net:Exits")
    assert factory.notes == ()
    with pytest.raises(TargetError):
        factory.build()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("net:NUM", "'net:NUM' is an int (3), not a model"),
        ("net:Plain", "is a class, but not a subclass of nn.Module"),
        ("net:forgets", "returned None, expected nn.Module"),
        ("net:pair", "returned tuple, expected nn.Module"),
        ("net:gives_class", "returned the class Net, expected nn.Module"),
        ("net:gives_number", "returned int, expected nn.Module"),
        ("net:waits", "returned coroutine, expected nn.Module"),
        ("net:Abstract", "is an abstract class (abstract in it: encode)"),
        ("net:Net(-3)", "building 'net:Net' raised ValueError: width is negative (at net.py:11)"),
        ("net:Wrong", "(at net.py:21)"),
        ("net:Exits", "building 'net:Exits' called sys.exit(3) (at net.py:25)"),
        ("net:RaisesUnprintable", "raised Unprintable: (its message can't be shown"),
        ("torch.nn.LSTM(3)", "TypeError: RNNBase.__init__() missing 1 required positional argument: 'hidden_size'"),
    ],
)
def test_what_gives_no_model_is_said(project, target, message):
    assert message in error(target).message


def test_a_result_that_holds_a_module_says_where(project):
    assert "[1]" in error("net:pair").hint
    assert "return" in error("net:forgets").hint


def test_missing_arguments_come_with_signature_and_flags(project):
    wrong = error("net:Net")
    assert wrong.message == "'net:Net' needs the argument 'width'. Its signature:\nNet(width: int, depth: int = 2, act='relu')"
    assert wrong.hint == "Add --init width=INT."
    wrong = error("torch.nn.Linear")
    assert "needs the arguments 'in_features' and 'out_features'" in wrong.message
    assert "Linear(in_features: int, out_features: int, bias: bool = True, device=None, dtype=None)" in wrong.message
    assert wrong.hint == "Add --init in_features=INT --init out_features=INT."


def test_a_missing_argument_that_no_flag_can_give_says_what_can(project):
    assert "in the call behind the target" in error("net:Wants").hint
    assert "--init config=VALUE" in error("net:WantsConfig").hint
    assert "an instance method" in error("net:Net.extra_repr").hint


def test_wrong_arguments_come_with_the_signature(project):
    wrong = error("net:Net(wdth=3)")
    assert "takes no argument 'wdth'" in wrong.message
    assert "Net(width: int" in wrong.message
    assert "Did you mean 'width'?" in wrong.hint
    assert "takes 3 positional arguments, 4 were given" in error("net:Net(1, 2, 3, 4)").message
    assert "gets the argument 'width' twice" in error("net:Net(1)", width=2).message


def test_a_decorator_that_fills_in_arguments_is_left_to_do_so(project):
    write(
        project,
        filled="""
import functools
from torch import nn

def fill(init):
    @functools.wraps(init)
    def inner(self, *args, **kwargs):
        init(self, *args, **{"width": 3, **kwargs})
    return inner

class Net(nn.Module):
    @fill
    def __init__(self, width):
        super().__init__()
        self.width = width
""",
    )
    assert built("filled:Net").width == 3


def test_the_place_is_the_users_line_and_not_a_librarys(project):
    write(project, deep="import json\nfrom torch import nn\ndef make():\n    return nn.Linear(json.loads('{'), 1)\n")
    assert "(at deep.py:4)" in error("deep:make").message
