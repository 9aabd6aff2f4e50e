"""Arguments that aren't tensors, and dotted names that fill dictionaries and lists."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from modinspect.errors import InputError
from modinspect.inputs import guess_inputs, make_inputs, options_for, parse_arguments
from modinspect.inputs.arguments import nested
from modinspect.signatures import literal_type, signature_of
from tests.inputs.input_helpers import error, made


class Moded(nn.Module):
    def forward(self, x: Tensor, mode: str, y: Tensor, *, n: int | None, scale: float = 1.0) -> Tensor:
        return x


def test_arguments_are_literals_and_bare_words_are_strings() -> None:
    pairs = ["mode=train", "n=2", "sizes=[1, 2]", "batch.flag=True", "xs.0=None", "name='2'"]
    assert parse_arguments(pairs) == {
        "mode": "train", "n": 2, "sizes": [1, 2], "batch.flag": True, "xs.0": None, "name": "2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("mode", "--arg 'mode' has no '='"),
        ("n=true", "--arg 'n=true': 'true' isn't a Python literal"),
        ("n=f(1)", "--arg n=f(1): the value isn't a Python literal"),
        ("dtype=torch.float16", "--arg dtype=torch.float16: the value isn't a Python literal"),
        ("0.n=1", "--arg '0.n=1': '0.n' isn't an argument name"),
    ],
)
def test_what_is_no_literal_is_refused(pair: str, message: str) -> None:
    with pytest.raises(InputError) as wrong:
        parse_arguments([pair])
    assert wrong.value.message == message


def test_dotted_names_fill_dictionaries_and_lists() -> None:
    inputs = made("batch.x=2,8", "batch.mask.0=3:bool", "images.1=3,4,4", "images.0=3,2,2", arguments={"batch.n": 4})
    assert inputs.args == ()
    batch, images = inputs.kwargs["batch"], inputs.kwargs["images"]
    assert list(batch) == ["x", "mask", "n"]
    assert (batch["x"].shape, batch["n"]) == ((2, 8), 4)
    assert [mask.dtype for mask in batch["mask"]] == [torch.bool]
    assert [tuple(image.shape) for image in images] == [(3, 2, 2), (3, 4, 4)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "a"), "the input 'a' is given twice"),
        (("a.b", "a.b"), "the input 'a.b' is given twice"),
        (("a", "a.b"), "the inputs 'a' and 'a.b' exclude each other"),
        (("a.b", "a"), "the inputs 'a' and 'a.b' exclude each other"),
        (("a.b.c", "a.b"), "the inputs 'a.b' and 'a.b.c' exclude each other"),
        (("a.0", "a.2"), "the list 'a' has no item 1"),
        (("b.a.1",), "the list 'b.a' has no item 0"),
    ],
)
def test_names_that_exclude_each_other_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as wrong:
        nested((name, 0) for name in names)
    assert wrong.value.message == message


def test_numbers_beside_words_are_keys() -> None:
    assert nested([("a.0", 1), ("a.b", 2)]) == {"a": {"0": 1, "b": 2}}


def test_inputs_without_a_name_go_around_the_arguments() -> None:
    inputs = made("1", "2", model=Moded(), arguments={"mode": "train", "n": 2})
    assert [tuple(value.shape) for value in inputs.args] == [(1,)]
    assert {name: getattr(value, "shape", value) for name, value in inputs.kwargs.items()} == {
        "y": (2,),
        "mode": "train",
        "n": 2,
    }


def test_hints_name_the_option_by_the_annotation() -> None:
    wrong = error("1", model=Moded())
    assert wrong.hint.startswith("Add --arg mode=STRING --input y=DIMS --arg n=INT.")
    signature = signature_of(Moded().forward)
    assert signature is not None
    assert options_for(signature) == "--input x=DIMS --arg mode=STRING --input y=DIMS --arg n=INT"


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (int, "INT"), ("int", "INT"), ("int | None", "INT"), (float | None, "FLOAT"), (bool, "BOOL"), (str, "STRING"),
        (Literal["a", "b"], "a|b"), (Tensor, None), ("Tensor", None), (int | str, None), (list, None), (Any, None),
    ],
)  # fmt: skip
def test_the_types_of_literals(annotation: object, told: str | None) -> None:
    assert literal_type(annotation) == told


class Offers(nn.Module):
    example_input_array = torch.zeros(1, 3)

    def forward(self, x: Tensor, mode: str) -> Tensor:
        return x


def test_a_guess_is_completed_by_arguments() -> None:
    assert guess_inputs(Offers()) is None
    from modinspect.inputs import candidates

    (found,) = candidates(Offers(), arguments={"mode": "train"}, notes=[])
    assert ([tuple(value.shape) for value in found.args], found.kwargs) == ([(1, 3)], {"mode": "train"})


def test_arguments_alone_are_inputs() -> None:
    inputs = make_inputs((), model=Moded(), device="cpu", arguments={"x": 1, "mode": "m", "y": 2, "n": 3})
    assert inputs.kwargs == {"x": 1, "mode": "m", "y": 2, "n": 3}
