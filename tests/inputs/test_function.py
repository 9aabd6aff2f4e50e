"""``--input-fn``."""

import gc

import pytest
from torch import Tensor

from modinspect.errors import InputError
from modinspect.inputs import (
    call_input_function,
)
from tests.inputs.input_helpers import Decorated, Net


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("fns:args", [(2,), 3], {}),
        ("fns:args(n=4)", [(4,), 3], {}),
        ("fns.args", [(2,), 3], {}),
        ("fns.py:args", [(2,), 3], {}),
        ("fns:listed", [(2,)], {}),
        ("fns:kwargs", [], {"x": (2,)}),
        ("fns:encoding", [], {"x": (2,)}),
        ("fns:both", [(2,)], {"mask": (1,)}),
        ("fns:one", [(2,)], {}),
        ("fns:late", [(5,)], {}),
        ("fns:triple", [[(1,)], {"x": 1}, 3], {}),
        ("fns:number_and_dict", [3, {"x": 1}], {}),
        ("fns:two", [[(2,)], [(3,)]], {}),
        ("fns:named", [[(2,)]], {}),
    ],
)
def test_an_input_function_returns_args_kwargs_or_both(functions, text, args, kwargs):
    def shown(value):
        if isinstance(value, (list, tuple)):
            return [shown(item) for item in value]
        return tuple(value.shape) if isinstance(value, Tensor) else value

    inputs = call_input_function(text)
    assert shown(inputs.args) == args
    assert {name: tuple(value.shape) for name, value in inputs.kwargs.items()} == kwargs
    assert inputs.how == f"--input-fn {text}"


def test_a_packed_sequence_is_one_input(functions):
    (packed,) = call_input_function("fns:packed", device="meta").args
    assert packed.data.device.type == "meta"
    assert packed.batch_sizes.device.type == "cpu"


def test_what_an_input_function_returns_is_held_against_forward(functions):
    with pytest.raises(InputError, match="forward of Narrow takes 1 positional argument, 2 were given"):
        call_input_function("fns:args", model=Narrow())
    assert call_input_function("fns:one", model=Net(), device="meta").args[0].device.type == "meta"


def test_what_an_input_function_returns_goes_to_the_device_with_the_notes_on_it(functions):
    inputs = call_input_function("fns:both", device="meta")
    assert (inputs.args[0].device.type, inputs.kwargs["mask"].device.type) == ("meta", "meta")
    assert call_input_function("fns:kwargs").kwargs["x"].device.type == "cpu"
    notes = call_input_function("fns:empty", model=Decorated()).notes
    assert notes == ("forward of Decorated needs the argument 'x', according to its signature",)


def test_the_signature_of_an_input_function_has_its_own_name_alone(functions):
    (functions / "a:b").mkdir()
    (functions / "a:b" / "more.py").write_text("def needs(model): return model\n")
    with pytest.raises(InputError) as caught:
        call_input_function("a:b/more.py:needs")
    assert caught.value.message.endswith("needs the argument 'model'. Its signature:\nneeds(model)")


def test_an_input_function_that_takes_nothing_needs_no_hint_on_arguments(functions):
    with pytest.raises(InputError) as caught:
        call_input_function("fns:nothing(3)")
    assert caught.value.hint == ""


def test_a_coroutine_that_nobody_awaits_is_closed(functions, recwarn):
    with pytest.raises(InputError, match="returned a coroutine"):
        call_input_function("fns:waits")
    gc.collect()
    assert not recwarn.list


class Narrow(Net):
    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("fns:", "--input-fn: can't read", "pkg.mod"),
        ("fns:listed_pair", "with the key 0", "(batch,)"),
        ("fns:layer", "--input-fn: 'fns:layer' is an Identity, not a function", "(args)"),
        ("fns:args(1, 2)", "'fns:args' takes 1 positional argument, 2 were given. Its signature:\nargs(n=2)", ""),
        ("fns:inside", "raised TypeError: from inside", "--traceback"),
        ("fns:bare", "the input function 'fns:bare' raised TypeError", "--traceback"),
        ("nothing_like_this:make", "--input-fn: there is no module", ""),
        ("fns:argz", "--input-fn: the module 'fns' has no 'argz'", "Did you mean 'args'? Its functions: args, listed"),
        ("fns:py", "--input-fn: the module 'fns' has no 'py'", "A file is named with a colon: path/to/fns.py:make."),
        ("fns:number", "--input-fn: 'fns:number' is an int (3), not a function", "(args)"),
        ("fns:needs", "'fns:needs' needs the argument 'model'. Its signature:\nneeds(model)", "fns:needs(...)"),
        ("fns:nothing", "returned None", "(args)"),
        ("fns:nothing(3)", "takes no positional arguments, 1 were given", ""),
        ("fns:generated", "returned a generator", "(args)"),
        ("fns:waits", "returned a coroutine", "(args)"),
        ("fns:keys", "with the key 0", "(batch,)"),
        ("fns:raises", "the input function 'fns:raises' raised ValueError: no data (at fns.py:16)", "--traceback"),
        ("fns:stops", "called sys.exit()", ""),
    ],
)
def test_an_input_function_that_gives_none_says_why(functions, text, message, hint):
    with pytest.raises(InputError) as caught:
        call_input_function(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
