"""What a model offers as its input."""

from collections import OrderedDict, UserDict
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from modinspect.inputs import (
    candidates,
    guess,
    guess_inputs,
    try_guesses,
    values,
)
from modinspect.target import load
from tests.inputs.input_helpers import Free, Net


def with_attribute(name: str, value: object, base: type[nn.Module] = Net, **options) -> nn.Module:
    return type("Model", (base,), {name: property(lambda self: value), **options})()


def test_dummy_inputs_go_by_name():
    inputs = guess_inputs(with_attribute("dummy_inputs", {"x": torch.ones(2, dtype=torch.int64)}))
    assert torch.equal(inputs.kwargs["x"], torch.ones(2, dtype=torch.int64))
    assert inputs.how == "dummy_inputs of Model"


def test_dummy_inputs_that_forward_is_not_about_are_passed_over():
    dummies = {"ids": torch.ones(2)}
    assert guess_inputs(with_attribute("dummy_inputs", dummies)) is None
    assert guess_inputs(with_attribute("dummy_inputs", dummies, base=Free)) is None  # **kwargs names nothing
    assert guess_inputs(with_attribute("dummy_inputs", {"x": torch.ones(2)}, main_input_name="pixels")) is None


@pytest.mark.parametrize(
    ("example", "args", "kwargs"),
    [
        (torch.ones(2), [(2,)], []),
        ((torch.ones(2), torch.ones(3)), [(2,), (3,)], []),
        ({"x": torch.ones(2)}, [], ["x"]),
    ],
)
def test_example_input_array_goes_as_lightning_gives_it(example, args, kwargs):
    inputs = guess_inputs(with_attribute("example_input_array", example))
    assert [tuple(value.shape) for value in inputs.args] == args
    assert list(inputs.kwargs) == kwargs
    assert inputs.how == "example_input_array of Model"


def test_an_example_set_on_the_instance_or_registered_as_buffer_is_found():
    plain, buffered = Net(), Net()
    plain.example_input_array = torch.ones(2)
    buffered.register_buffer("example_input_array", torch.ones(2))
    assert guess_inputs(plain).args[0].shape == guess_inputs(buffered).args[0].shape == (2,)


@pytest.mark.parametrize("name", ["default_cfg", "pretrained_cfg"])
@pytest.mark.parametrize("kind", [dict, SimpleNamespace])
def test_input_size_is_one_image_of_that_size(name, kind):
    inputs = guess_inputs(with_attribute(name, kind(input_size=(3, 8, 6))))
    assert inputs.args[0].shape == (1, 3, 8, 6)
    assert inputs.how == f"input_size in {name} of Model"


def test_guessed_floats_get_the_models_dtype_and_all_get_the_device():
    model = with_attribute("example_input_array", (torch.ones(2), torch.ones(2, dtype=torch.int64)))
    assert [value.dtype for value in guess_inputs(model.half()).args] == [torch.float16, torch.int64]
    assert [value.dtype for value in guess_inputs(model, dtype="f64").args] == [torch.float64, torch.int64]
    assert [value.device.type for value in guess_inputs(model, device="meta").args] == ["meta", "meta"]


def test_a_guess_asks_the_model_and_is_given_where_it_is_wanted(monkeypatch):
    asked = []

    def ask(method, arguments):
        asked.append((method, arguments))
        return "answer"

    def one_guess(model, question, notes, given):
        notes.append("passed over")
        assert question("features", [("image", torch.ones(1))]) == "answer"
        yield SimpleNamespace(args=(torch.ones(2),), kwargs={"x": torch.ones(3)}, how="a guess", notes=("said",))

    monkeypatch.setattr(guess, "candidates", one_guess)
    (found,) = candidates(Net(), ask=ask, device="meta", dtype="f64", notes=[])
    [(method, arguments)] = asked
    assert (method, list(arguments)) == ("features", ["image"])
    for value in (arguments["image"], found.args[0], found.kwargs["x"]):
        assert (value.device.type, value.dtype) == ("meta", torch.float64)
    assert (found.how, found.notes) == ("a guess", ("passed over", "said"))


def test_a_guess_goes_to_the_cpu_where_nothing_else_is_wanted_and_may_ask_nobody(monkeypatch):
    def one_guess(model, question, notes, given):
        assert question("features", {}) is None
        yield SimpleNamespace(args=(1,), kwargs={"x": 2}, how="a guess", notes=())

    monkeypatch.setattr(guess, "candidates", one_guess)
    monkeypatch.setattr(values, "place", lambda value, device, dtype: (value, device, dtype))
    (found,) = candidates(Net(), notes=[])
    assert (found.args, found.kwargs) == (((1,), "cpu", torch.float32), ({"x": 2}, "cpu", torch.float32))


def test_a_guess_that_raises_is_a_note_and_the_next_one_is_asked():
    class Model(Net):
        example_input_array = torch.ones(2)

        @property
        def dummy_inputs(self):
            raise ValueError("not here")

    inputs, notes = try_guesses(Model())
    assert inputs.how == "example_input_array of Model"
    assert inputs.notes == notes == ("dummy_inputs of Model raised ValueError: not here",)


def test_a_property_whose_code_lacks_an_attribute_is_a_note_too():
    class Model(Net):
        @property
        def dummy_inputs(self):
            return self.nothing_like_this

    inputs, notes = try_guesses(Model())
    assert inputs is None
    assert "AttributeError" in notes[0]


def test_a_guess_may_import_what_lies_beside_the_target(functions):
    sub = functions / "sub"
    sub.mkdir()
    (sub / "beside.py").write_text("import torch\nvalue = torch.ones(2)\n")
    code = "from torch import nn\nclass Net(nn.Identity):\n    @property\n    def example_input_array(self):\n"
    (sub / "model.py").write_text(f"{code}        import beside\n        return beside.value\n")
    factory = load("sub/model.py:Net")
    assert guess_inputs(factory.build(), factory).args[0].shape == (2,)


def test_a_guess_that_forward_does_not_take_is_a_note():
    inputs, notes = try_guesses(with_attribute("example_input_array", (torch.ones(1),) * 3))
    assert inputs is None
    assert notes == ("example_input_array was not taken: forward of Model takes 2 positional arguments, 3 were given",)


def test_a_model_that_says_nothing_gets_no_guess():
    assert try_guesses(Net()) == (None, ())
    for value in (None, 3, "x", {}, {"x": 3}, UserDict(), OrderedDict()):
        assert guess_inputs(with_attribute("dummy_inputs", value)) is None
    for size in (None, 3, (), ("a",), (0, 3)):
        assert guess_inputs(with_attribute("default_cfg", {"input_size": size})) is None


def test_a_model_with_an_attribute_for_every_name_gets_no_guess():
    class Anything(Free):
        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return lambda *args: None

    assert guess_inputs(Anything()) is None


class Embeds(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(5, 3)

    def forward(self, idx, targets=None):
        return self.wte(idx)


def test_an_argument_called_as_token_ids_are_gets_some_if_there_is_an_embedding():
    found = guess_inputs(Embeds())
    assert found.how == "the name of the argument idx: idx=1,16:int64"
    assert torch.equal(found.kwargs["idx"], torch.zeros(1, 16, dtype=torch.int64))
    no_embedding = Embeds()
    no_embedding.wte = nn.Linear(3, 3)
    assert guess_inputs(no_embedding) is None


def test_an_embedding_that_takes_more_than_token_ids_gets_none():
    class TakesMore(Embeds):
        def forward(self, idx, mask):
            return self.wte(idx)

    assert guess_inputs(TakesMore()) is None
