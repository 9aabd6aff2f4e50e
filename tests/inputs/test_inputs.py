import functools
import gc
import os
import pickle
import re
import sys
import zipfile
from collections import OrderedDict, UserDict, namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from modinspect import inputs
from modinspect.errors import InputError
from modinspect.inputs import (
    Inputs,
    InputSpec,
    call_input_function,
    candidates,
    guess,
    guess_inputs,
    make_inputs,
    parse_spec,
    try_guesses,
    values,
)
from modinspect.inputs.files import LOADERS, load_file
from modinspect.inputs.guess.ask import nobody
from modinspect.inputs.spec import ALIASES, GRAMMAR, value_range
from modinspect.inputs.values import place
from modinspect.target import load


class Net(nn.Module):
    """Takes one input, an optional mask and anything else by name."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.index = nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False)
        self.fc = nn.Linear(3, 3, dtype=dtype)

    def forward(self, x, mask=None, *, scale=1.0):
        return self.fc(x)


class Free(nn.Module):
    """Has no parameters, and takes whatever comes."""

    def forward(self, *args, **kwargs):
        return args


class Takes(nn.Module):
    """Takes what ``forward`` takes."""

    def __init__(self, forward) -> None:
        super().__init__()
        self.forward = forward


class Strict(nn.Module):
    def forward(self, first, second, /, third, *, fourth):
        return first


def made(*specs: str, model: nn.Module | None = None, **options) -> Inputs:
    return make_inputs(specs, model=model if model is not None else Free(), device="cpu", **options)


def tensor(spec: str, **options) -> Tensor:
    return made(spec, **options).args[0]


def error(*specs: str, model: nn.Module | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        made(*specs, model=model)
    return caught.value


def test_the_package_has_what_it_says_it_has():
    assert [name for name in inputs.__all__ if not hasattr(inputs, name)] == []
    assert inputs.Inputs is values.Inputs
    with pytest.raises(AttributeError, match=r"module 'modinspect.inputs' has no attribute 'nothing'"):
        inputs.nothing  # noqa: B018


# ---- the grammar


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("1,10", InputSpec(dims=(1, 10))),
        (" 1, 10 ", InputSpec(dims=(1, 10))),
        ("7", InputSpec(dims=(7,))),
        ("0,3", InputSpec(dims=(0, 3))),
        ("ids=1,128:int64", InputSpec("ids", (1, 128), "int64")),
        ("ids = 1,128 : long : 0..30522", InputSpec("ids", (1, 128), "int64", "0..30522")),
        ("mask=1,128:bool:ones", InputSpec("mask", (1, 128), "bool", "ones")),
        ("1,3:ones", InputSpec(dims=(1, 3), fill="ones")),
        ("1,3:-1.5..2e3", InputSpec(dims=(1, 3), fill="-1.5..2e3")),
        ("1:0..1E3", InputSpec(dims=(1,), fill="0..1E3")),
        ("1: 0 .. 5 ", InputSpec(dims=(1,), fill="0..5")),
        ("1,3:torch.bfloat16:rand", InputSpec(None, (1, 3), "bfloat16", "rand")),
        (":float32", InputSpec(dtype="float32")),
        ("t=:int64:zeros", InputSpec("t", (), "int64", "zeros")),
        (":ones", InputSpec(fill="ones")),
        ("@x.pt", InputSpec(file="x.pt")),
        ("x=@x.npy", InputSpec("x", file="x.npy")),
        ("@a=b:c,d.pt", InputSpec(file="a=b:c,d.pt")),
        ("x=@C:\\dir\\a b.npy", InputSpec("x", file="C:\\dir\\a b.npy")),
    ],
)
def test_each_form_of_a_spec_is_read(text, spec):
    assert parse_spec(text) == spec
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize(("name", "aliases"), ALIASES.items())
def test_each_dtype_is_one_that_torch_has_under_all_its_names(name, aliases):
    dtype = getattr(torch, name)
    for alias in (name, *aliases):
        assert parse_spec(f"1:{alias}").dtype == name
        assert getattr(torch, alias, dtype) is dtype  # where torch uses the short name too, it means the same
    limits = value_range(name)
    if not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool):
        assert limits == (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    else:
        assert limits == ((0, 1) if dtype is torch.bool else None)


def test_the_documentation_gives_specs_that_work_and_names_every_dtype():
    page = (Path(__file__).parents[2] / "docs" / "targets-and-inputs.md").read_text()
    table = page.split("| input | what it is |")[1].split("\n\n")[0]
    specs = [code for line in table.splitlines() for code in re.findall("`([^`]*)`", line.split("|")[1] if "|" in line else "")]
    assert len(specs) == 11
    for spec in specs:
        assert str(parse_spec(spec)) == spec
    dtypes = page.split("| dtype | also |")[1].split("\n\n")[0]
    assert set(re.findall("`([^`]*)`", dtypes)) == {name for pair in ALIASES.items() for name in (pair[0], *pair[1])}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "an input is empty", f"A scalar is written :float32. {GRAMMAR}"),
        ("   ", "an input is empty", ":float32"),
        ("1\0", "NUL", "DIMS"),
        ("x=", "gives no sizes", "x=:float32"),
        (":", "nothing stands behind a ':'", "Leave out"),
        ("1,3:", "nothing stands behind a ':'", "Leave out"),
        ("1,3::ones", "nothing stands behind a ':'", "Leave out"),
        ("=1,3", "no name before '='", "[name=]DIMS"),
        ("1,3=3", "'1,3' is no name", "[name=]DIMS"),
        ("batch.ids=1,3", "'batch.ids' is no name", "--input-fn"),
        ("xs[0]=1,3", "'xs[0]' is no name", "--input-fn"),
        ("-1,3", "size 1 is negative: -1", "0 or more"),
        ("3,-1", "size 2 is negative: -1", "0 or more"),
        ("1,,3", "size 2 is missing", "[name=]DIMS"),
        (",3", "size 1 is missing", "[name=]DIMS"),
        ("3,4,", "missing after the last comma", "Write 3,4."),
        ("1 10", "'1 10' is no list of sizes", "Commas separate them: 1,10."),
        ("1x3x8", "'1x3x8' is no list of sizes", "1,3,8"),
        ("(1,3)", "brackets", "Leave them out: 1,3"),
        ("[1,3]", "brackets", "Leave them out: 1,3"),
        ("(1,3", "size 1, '(1', is no whole number", "[name=]DIMS"),
        ("1,3)", "size 2, '3)', is no whole number", "[name=]DIMS"),
        ("X,3)", "size 1, 'X', is no whole number", "[name=]DIMS"),
        ("(1,X", "size 1, '(1', is no whole number", "[name=]DIMS"),
        ("B,3", "size 1, 'B', is no whole number", "[name=]DIMS"),
        ("1,1.5", "size 2, '1.5', is no whole number", "[name=]DIMS"),
        ("１,3", "size 1, '１', is no whole number", "[name=]DIMS"),  # noqa: RUF001
        ("1,3,float32", "'float32' stands where size 3 is", "1,3:float32"),
        ("int64", "'int64' stands where size 1 is", ":int64"),
        ("99999999999999999999", "20 digits", "smaller"),
        ("9999999999999999999", "19 digits", "smaller"),
        ("x.pt", "is no list of sizes", "@x.pt"),
        ("x.pth", "is no list of sizes", "@x.pth"),
        ("x.npy", "is no list of sizes", "@x.npy"),
        ("x.safetensors", "is no list of sizes", "@x.safetensors"),
        ("dir/x", "is no list of sizes", "@dir/x"),
        ("dir\\x", "is no list of sizes", "@dir\\x"),
        ("@", "no file follows", "A file ends in .pt, .pth, .npy, .safetensors."),
        ("x=@ ", "no file follows", ".safetensors"),
        (
            "1:flaot32",
            "'flaot32' is neither dtype nor fill",
            "Did you mean 'float32'? Dtypes: float32, bfloat16, int64, bool, ... "
            "Fills: randn, rand, zeros, ones and LOW..HIGH, as in 0..100.",
        ),
        ("1:Float32", "'Float32' is neither dtype nor fill", "Did you mean 'float32'"),
        ("1:zeroes", "'zeroes' is neither dtype nor fill", "Did you mean 'zeros'?"),
        ("1:f32:rnad", "'rnad' is no fill", "Did you mean 'rand'?"),
        ("1:f32:i64", "'i64' is no fill", "LOW..HIGH"),
        ("1:ones:zeros", "'zeros' follows the fill 'ones'", "[name=]DIMS"),
        ("1:ones:f32", "'f32' follows the fill 'ones'", "The dtype comes first: 1:f32:ones"),
        ("1:f32:ones:x", "3 parts", "[name=]DIMS"),
        ("1:5", "'5' is no fill", "int64:5..6"),
        ("1:0...5", "is no range of numbers", "LOW..HIGH"),
        ("1:a..b", "is no range of numbers", "LOW..HIGH"),
        ("1:int64:randn", "randn makes no values of int64", "as in 0..100."),
        ("1:bool:rand", "rand makes no values of bool", "as in 0..2."),
        ("1:int64:5..5", "no value lies between 5 and 5", "5..6"),
        ("1:2..1", "no value lies between 2.0 and 1.0", "left out: 0..1."),
        ("1:0..1e999", "larger than any number", "smaller"),
        ("1:-1e999..0", "larger than any number", "smaller"),
        ("1:1e999..2e999", "larger than any number", "smaller"),
        ("1:int64:0.5..3", "no whole numbers", "0..100"),
        ("1:uint8:0..300", "299 is no uint8", "at most 0..256"),
        ("1:int8:-129..1", "-129 is no int8", "at most -128..128"),
        ("1:bool:0..3", "2 is no bool", "at most 0..2"),
        ("1:int64:0..9223372036854775808", "is no int64", "at most"),
        ("1:complex64:0..1", "complex64 has no range", "randn"),
    ],
)
def test_a_spec_that_can_not_be_says_what_is_at_fault_and_what_works(text, message, hint):
    with pytest.raises(InputError) as caught:
        parse_spec(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.message.startswith(f"the input {text.strip()!r}" if text.strip() else "an input")


def test_of_a_long_negative_size_the_beginning_is_shown():
    with pytest.raises(InputError) as caught:
        parse_spec("-" + "1" * 25)
    assert caught.value.message.endswith("size 1 is negative: -" + "1" * 19)


def test_control_codes_in_a_spec_are_shown_escaped():
    with pytest.raises(InputError) as caught:
        parse_spec("\x1b[31m1,3")
    assert "\x1b" not in str(caught.value)


INTEGERS = [name for name in ALIASES if value_range(name)]
CONTINUOUS = [name for name in ALIASES if not value_range(name)]
FLOATS = [name for name in CONTINUOUS if not name.startswith("complex")]


def spec_of(dtypes: list[str], fills: st.SearchStrategy[str | None]) -> st.SearchStrategy[InputSpec]:
    name = st.none() | st.sampled_from(["x", "input_ids", "größe"])
    dims = st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple)
    return st.builds(InputSpec, name, dims, st.sampled_from(dtypes), fills)


BYTES = st.tuples(st.integers(0, 100), st.integers(1, 27)).map(lambda pair: f"{pair[0]}..{pair[0] + pair[1]}")
FILES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Z", "C"]), min_size=1)
SPECS = (
    spec_of([name for name in INTEGERS if name != "bool"], st.none() | st.sampled_from(["zeros", "ones"]) | BYTES)
    | spec_of(CONTINUOUS, st.none() | st.sampled_from(["zeros", "ones", "rand", "randn"]))
    | spec_of(FLOATS, BYTES | st.just("-0.5..1e3"))
    | st.builds(InputSpec, st.none() | st.just("x"), file=FILES)
)


@given(SPECS)
def test_a_spec_written_out_is_read_as_itself(spec):
    assert parse_spec(str(spec)) == spec


def shows_no_control_codes(error: InputError) -> bool:
    return all(character.isprintable() or character == "\n" for character in str(error))


PIECES = [
    "1",
    "10",
    ",",
    ":",
    "=",
    "x",
    "@",
    "float32",
    "i64",
    "ones",
    "randn",
    "..",
    "-",
    ".",
    " ",
    "(",
    "é",
    "\ud800",
    "²",
    "\x1b",
    "/",
]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_a_spec_that_round_trips_or_an_input_error(text):
    try:
        spec = parse_spec(text)
    except InputError as wrong:
        assert shows_no_control_codes(wrong)  # noqa: PT017  # either end is right
    else:
        assert parse_spec(str(spec)) == spec


# ---- the tensors


def test_floats_are_randn_and_integers_zeros_unless_told():
    assert tensor("4000").mean().abs() < 0.1
    assert tensor("4000").std() == pytest.approx(1, abs=0.1)
    assert torch.equal(tensor("2,3:int64"), torch.zeros(2, 3, dtype=torch.int64))
    assert torch.equal(tensor("2:bool"), torch.tensor([False, False]))
    assert tensor("2:complex64").imag.abs().sum() > 0


def test_each_fill_gives_its_values():
    assert torch.equal(tensor("2:zeros"), torch.zeros(2))
    assert torch.equal(tensor("2:ones"), torch.ones(2))
    assert torch.equal(tensor("2:bool:ones"), torch.tensor([True, True]))
    rand = tensor("1000:rand")
    assert (rand.min() >= 0, rand.max() < 1, rand.max() > 0.9) == (True, True, True)
    assert set(tensor("1000:uint8:254..256").tolist()) == {254, 255}
    assert set(tensor("1000:int64:-1..2").tolist()) == {-1, 0, 1}
    assert set(tensor("100:bool:0..2").tolist()) == {True, False}
    uniform = tensor("1000:10..20")
    assert uniform.dtype is torch.float32
    assert (uniform.min() >= 10, uniform.max() < 20, uniform.std() > 2) == (True, True, True)
    assert tensor(":float64").shape == ()


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", ALIASES)
def test_every_dtype_can_be_made_with_every_fill_it_has(name):
    fills = ["zeros", "ones", *(["0..2"] if value_range(name) else ["rand", "randn"])]
    for fill in fills:
        made = tensor(f"2,3:{name}:{fill}")
        assert (made.shape, made.dtype) == ((2, 3), getattr(torch, name))


def test_extreme_integer_ranges_can_be_made():
    assert tensor("2:int64:-9223372036854775808..9223372036854775807").dtype is torch.int64
    assert tensor("2:uint64:0..9223372036854775807").dtype is torch.uint64


def test_values_are_the_same_each_time_and_two_inputs_differ():
    one, two = made("3", "3").args
    assert torch.equal(one, made("3", "3").args[0])
    assert not torch.equal(one, two)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("float32", torch.float32),
        ("float64", torch.float64),
        ("bfloat16", torch.float32),
        ("complex128", torch.complex128),
        ("complex64", torch.complex64),
        ("complex32", torch.complex64),
    ],
)
def test_values_are_torchs_for_seed_0_drawn_in_a_wide_dtype(name, drawn):
    dtype = getattr(torch, name)
    for fill, sample in [("randn", torch.randn), ("rand", torch.rand)]:
        made = tensor(f"2,3:{name}:{fill}")
        expected = sample(2, 3, generator=seeded(), dtype=drawn).to(dtype)
        assert made.dtype is dtype
        assert torch.equal(made.to(drawn), expected.to(drawn))  # half complex numbers can't be compared
    if dtype.is_floating_point:
        expected = torch.empty(4, dtype=drawn).uniform_(-2.5, 20, generator=seeded()).to(dtype)
        assert torch.equal(tensor(f"4:{name}:-2.5..20"), expected)


def test_whole_numbers_are_torchs_for_seed_0():
    assert torch.equal(tensor("4:int64:-3..300"), torch.randint(-3, 300, (4,), generator=seeded()))
    assert torch.equal(tensor("4:int8:-3..100"), torch.randint(-3, 100, (4,), generator=seeded()).to(torch.int8))


def test_torchs_random_state_is_left_alone():
    before = torch.get_rng_state()
    made("3", "3:rand", "3:int64:0..9", "3:0..9")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_default_dtype_is_the_models_and_the_argument_beats_it():
    assert tensor("2", model=Net(torch.bfloat16)).dtype is torch.bfloat16
    assert tensor("2:f64", model=Net(torch.bfloat16)).dtype is torch.float64
    assert tensor("2", model=Net(), dtype="half").dtype is torch.float16
    assert tensor("2", model=Net(), dtype=torch.float64).dtype is torch.float64
    assert tensor("2", model=nn.LazyLinear(3, dtype=torch.float64)).dtype is torch.float64
    assert tensor("2").dtype is torch.float32
    stored = Net()
    stored.index = nn.Parameter(torch.zeros(2).to(torch.float8_e4m3fn), requires_grad=False)
    assert tensor("2", model=stored).dtype is torch.float32
    with pytest.raises(InputError) as caught:
        tensor("2", dtype="flot")
    assert (caught.value.message, caught.value.hint) == ("'flot' is no dtype", "As in float32, bfloat16, float16.")


def test_torchs_default_dtype_and_device_are_respected_or_overruled():
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            placed = made("2", "2:rand", "2:ones", "2:0..1", "2:int64:0..9").args
    finally:
        torch.set_default_dtype(torch.float32)
    assert [value.dtype for value in placed] == [*(torch.float64,) * 4, torch.int64]
    assert {value.device.type for value in placed} == {"cpu"}


def test_tensors_go_to_the_device():
    inputs = make_inputs(["2", "mask=3:int64:0..5"], model=Net(), device="meta")
    assert (inputs.args[0].device.type, inputs.kwargs["mask"].device.type) == ("meta", "meta")


def test_what_is_larger_than_the_machine_is_refused_before_it_is_made():
    wrong = error("1000000,1000000")
    assert "needs 4.0 TB as float32, this machine has" in wrong.message
    assert "needs" in error("9000000000,9000000000,9000000000:int8").message
    assert "torch can't make" in error("0,9223372036854775807,9223372036854775807").message
    assert tensor("0,1000000,1000000").numel() == 0


def test_a_refused_size_says_how_much_it_needs_and_how_much_there_is(monkeypatch):
    monkeypatch.setattr(values, "_memory", lambda: 8)
    assert tensor("2").shape == (2,)
    wrong = error("500000000:float64")
    assert wrong.message == "the input '500000000:float64' needs 4.0 GB as float64, this machine has 0.0 GB"
    assert wrong.hint == "Give smaller sizes."
    assert "needs 0.0 GB as float32" in error("3").message
    monkeypatch.setattr(values, "_memory", lambda: None)
    assert tensor("3").shape == (3,)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (1_500_000_000, "1.5 GB"),
        (10**12 - 10**9, "999.0 GB"),
        (10**12, "1.0 TB"),
        (2_500 * 10**9, "2.5 TB"),
        (999_999 * 10**12, "999999.0 TB"),
        (10**18, "1e+06 TB"),
        (3 * 10**20, "3e+08 TB"),
    ],
)
def test_bytes_are_shown_in_the_unit_that_suits(count, shown):
    assert values._bytes(count) == shown


def test_the_memory_of_the_machine_is_what_the_system_says_if_it_does(monkeypatch):
    said = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(os, "sysconf", said.__getitem__)
    assert values._memory() == 4_096_000
    for reason in (ValueError(), OSError()):
        monkeypatch.setattr(os, "sysconf", lambda _, reason=reason: (_ for _ in ()).throw(reason))
        assert values._memory() is None
    monkeypatch.delattr(os, "sysconf")
    assert values._memory() is None


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, OverflowError, TypeError, NotImplementedError])
def test_what_torch_can_not_make_is_said_in_its_first_line(monkeypatch, kind):
    def randn(*_, **__):
        raise kind("too odd\nand\nmore")

    monkeypatch.setattr(torch, "randn", randn)
    wrong = error("2,3")
    assert wrong.message == "torch can't make the input '2,3': too odd"
    assert wrong.hint == "Give other sizes or another dtype."


Pair = namedtuple("Pair", ["a", "b"])


def test_tensors_are_placed_in_whatever_holds_them():
    x, ids = torch.ones(2), torch.ones(2, dtype=torch.int64)
    for held in ([x, ids], (x, ids), Pair(x, ids), {"a": x, "b": ids}):
        placed = place(held, "meta", torch.float16)
        assert type(placed) is type(held)
        one, two = placed.values() if isinstance(placed, dict) else placed
        assert (one.device.type, one.dtype) == ("meta", torch.float16)
        assert (two.device.type, two.dtype) == ("meta", torch.int64)
    nested = place({"a": [(x,)]}, "meta", torch.float64)["a"][0][0]
    assert (nested.device.type, nested.dtype) == ("meta", torch.float64)
    assert place(x, "meta").dtype is torch.float32
    other = OrderedDict(a=x)
    assert place(other, "meta") is other
    assert place("x", "meta") == "x"


def test_a_packed_sequence_is_placed_with_its_batch_sizes_where_they_are():
    packed = nn.utils.rnn.pack_sequence([torch.ones(2, 1), torch.ones(1, 1)])
    for dtype, expected in [(None, torch.float32), (torch.float16, torch.float16)]:
        placed = place(packed, "meta", dtype)
        assert (placed.data.device.type, placed.data.dtype) == ("meta", expected)
        assert placed.batch_sizes.tolist() == [2, 1]
    whole = packed.to(torch.int64)
    assert place(whole, "cpu", torch.float16).data.dtype is torch.int64


def test_the_default_of_inputs_is_those_of_the_command_line():
    assert (Inputs(()).kwargs, Inputs(()).how, Inputs(()).notes) == ({}, "--input", ())


def test_a_bound_that_the_dtype_does_not_reach_is_refused():
    wrong = error("2:float16:0..1e6")
    assert wrong.message == "the input '2:float16:0..1e6': 1e+06 is no float16"
    assert wrong.hint == "The largest one is 65504."
    assert "-1e+06 is no float16" in error("2:float16:-1e6..0").message
    assert tensor("2:float16:-65504..65504").dtype is torch.float16
    assert "1e+06 is no float16" in error("2:0..1e6", model=Net(torch.float16)).message


# ---- how inputs reach forward


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


class Decorated(Net):
    @functools.wraps(Net.forward)
    def forward(self, *args, **kwargs):
        return super().forward(*args, x=torch.zeros(3), **kwargs)


def test_what_may_change_the_arguments_makes_a_misfit_a_note():
    assert made(model=Decorated()).notes == ("forward of Decorated needs the argument 'x', as far as its signature says",)
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


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_compiled_scripted_and_traced_modules_get_inputs():
    linear = nn.Linear(3, 3)
    for model in (torch.compile(linear), torch.jit.script(linear), torch.jit.trace(linear, torch.ones(1, 3))):
        assert made("1,3", model=model).args[0].shape == (1, 3)


# ---- files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_torch_file_gives_what_is_in_it(folder):
    torch.save({"a": torch.ones(2), "b": [torch.zeros(1, dtype=torch.int64)]}, "batch.pt")
    torch.save(torch.arange(3), "a=b:c,d.pth")
    batch = tensor("@batch.pt")
    assert torch.equal(batch["a"], torch.ones(2))
    assert batch["b"][0].dtype is torch.int64
    assert torch.equal(made("x=@a=b:c,d.pth").kwargs["x"], torch.arange(3))
    assert make_inputs(["@batch.pt"], model=Free(), device="meta").args[0]["b"][0].device.type == "meta"


class Payload:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_torch_file_never_runs_code(folder):
    torch.save(Payload(), "evil.pt")
    wrong = error("@evil.pt")
    assert wrong.message == "'evil.pt' is no file of plain tensors: reading it would run code, or it is broken"
    assert "--input-fn" in wrong.hint
    torch.jit.script(nn.ReLU()).save("model.pt")
    assert error("@model.pt").message == "'model.pt' is a TorchScript model, no tensors"
    assert not (folder / "ran").exists()


def test_a_numpy_file_gives_its_array(folder):
    np.save("x.npy", np.arange(3, dtype=">i2"))
    assert torch.equal(tensor("@x.npy"), torch.arange(3, dtype=torch.int16))
    np.save("scalar.npy", np.float64(0.5))
    assert tensor("@scalar.npy").item() == 0.5


def test_a_numpy_file_never_runs_code(folder):
    np.save("objects.npy", np.array([Payload()], dtype=object))
    assert "allow_pickle=False" in error("@objects.npy").message
    np.save("strings.npy", np.array(["a"]))
    assert "<U1 values" in error("@strings.npy").message
    np.savez("several.npz", a=np.ones(1))
    os.rename("several.npz", "several.npy")
    assert "magic string" in error("@several.npy").message
    assert not (folder / "ran").exists()


def test_a_safetensors_file_gives_its_tensor_or_all_by_name(folder):
    save_file({"w": torch.ones(2)}, "one.safetensors")
    save_file({"w": torch.ones(2), "v": torch.zeros(1)}, "two.safetensors")
    save_file({}, "none.safetensors")
    assert torch.equal(tensor("@one.safetensors"), torch.ones(2))
    assert {name: value.shape for name, value in tensor("@two.safetensors").items()} == {"w": (2,), "v": (1,)}
    assert error("@none.safetensors").message == "'none.safetensors' holds no tensor"
    assert error("@none.safetensors").hint == "Save at least one."


def test_a_missing_reader_is_named_with_how_to_get_it(folder, monkeypatch):
    save_file({"w": torch.ones(2)}, "x.safetensors")
    np.save("x.npy", np.ones(2))
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    monkeypatch.setitem(sys.modules, "numpy", None)
    for name, package, hint in [
        ("x.safetensors", "safetensors", "pip install 'modinspect[safetensors]'"),
        ("x.npy", "numpy", "pip install numpy"),
    ]:
        wrong = error(f"@{name}")
        assert wrong.message == f"reading '{name}' needs {package}, which is not installed"
        assert wrong.hint == hint


@pytest.mark.parametrize(("value", "what"), [("x", "a str ('x')"), (None, "None"), ({"a": [3]}, "a dict"), ([], "a list")])
def test_a_torch_file_without_a_tensor_is_said(folder, value, what):
    torch.save(value, "x.pt")
    wrong = error("@x.pt")
    assert wrong.message == f"'x.pt' holds {what}, no tensor"
    assert wrong.hint == "Save a tensor, or a list or dict of them."


@pytest.mark.parametrize("value", [{"a": {"b": (torch.ones(1), 3)}}, [[], [torch.ones(1)]], [3, torch.ones(1)]])
def test_a_torch_file_with_a_tensor_somewhere_is_an_input(folder, value):
    torch.save(value, "x.pt")
    assert type(load_file("x.pt")) is type(value)


def test_a_refused_torch_file_is_one_message(folder, recwarn):
    Path("x.pt").write_bytes(pickle.dumps(Net(), protocol=4))
    assert "reading it would run code" in error("@x.pt").message
    assert not recwarn.list


def test_what_is_no_whole_file_of_a_known_kind_is_said(folder):
    np.save("x.npy", np.ones(2))
    for suffix in ("pt", "npy", "safetensors"):
        Path(f"broken.{suffix}").write_bytes(b"abc")
        Path(f"empty.{suffix}").write_bytes(b"")
        for state in ("broken", "empty"):
            wrong = error(f"@{state}.{suffix}")
            assert f"'{state}.{suffix}'" in wrong.message
            assert "\n" not in wrong.message
            assert wrong.message.startswith(f"'{state}.{suffix}' ")
            assert wrong.hint == "Is the file whole, and of that kind?"
    assert "\x1b" not in str(error("@\x1b.npy"))
    assert "\x1b" not in str(error("@x.npy:\x1b"))


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("x.csv", "'x.csv' is of no kind that can be an input", "Kinds of files: .pt, .pth, .npy, .safetensors."),
        ("sub", "'sub' is a directory", "Name a file in it."),
        ("y.npy", "there is no file 'y.npy'", "Did you mean 'x.npy'? Paths start at the working directory."),
        ("sub/y.npy", "there is no file 'sub/y.npy'", "Did you mean 'sub/x.npy'? Paths start at the working directory."),
        ("q.zip", "there is no file 'q.zip'", "Paths start at the working directory."),
        ("q:zip", "there is no file 'q:zip'", "Paths start at the working directory."),
        ("x.npy:f32", "there is no file 'x.npy:f32'", "A file takes no dtype or fill: @x.npy, without ':f32'."),
        ("a:b.npy:f32", "there is no file 'a:b.npy:f32'", "A file takes no dtype or fill: @a:b.npy, without ':f32'."),
        ("no/x.npy", "there is no file 'no/x.npy'", "There is no directory 'no' either. Paths start at the working directory."),
        (
            "\0/x.npy",
            r"there is no file '\x00/x.npy'",
            r"There is no directory '\x00' either. Paths start at the working directory.",
        ),
    ],
)
def test_a_file_that_is_not_there_or_of_another_kind_is_said_with_what_may_be_meant(folder, path, message, hint):
    Path("x.csv").write_text("1")
    Path("sub").mkdir()
    for name in ("x.npy", "a:b.npy", "sub/x.npy"):
        np.save(name, np.ones(2))
    with pytest.raises(InputError) as caught:
        load_file(path)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_working_directory_that_can_not_be_listed_is_not_said_to_be_missing(folder, monkeypatch):
    def refused(path):
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", refused)
    wrong = error("@x.npy")
    assert wrong.message == "there is no file 'x.npy'"
    assert wrong.hint == "Paths start at the working directory."


def test_the_kind_of_a_file_is_told_by_its_suffix_in_any_case(folder):
    with open("X.NPY", "wb") as file:
        np.save(file, np.ones(2))
    assert load_file("X.NPY").shape == (2,)


@pytest.mark.parametrize(
    ("raised", "reason"), [(ValueError("odd\nand long"), "odd"), (EOFError(), "EOFError"), (InputError("said"), None)]
)
def test_what_a_reader_raises_is_told_in_a_line(folder, monkeypatch, raised, reason):
    def reader(path):
        raise raised

    monkeypatch.setitem(LOADERS, ".npy", reader)
    Path("x.npy").touch()
    with pytest.raises(InputError) as caught:
        load_file("x.npy")
    if reason is None:
        assert caught.value is raised
    else:
        assert caught.value.message == f"'x.npy' can't be read as .npy: {reason}"
        assert caught.value.hint == "Is the file whole, and of that kind?"


def test_torch_files_are_read_without_code_to_the_cpu(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "load", lambda path, **options: asked.append((path, options)) or torch.ones(1))
    Path("x.pt").touch()
    load_file("x.pt")
    assert asked == [("x.pt", {"map_location": "cpu", "weights_only": True})]


def test_a_zip_file_is_a_script_only_where_it_holds_constants(folder):
    for name, message in [("a/b/constants.pkl", "TorchScript model"), ("constants.pkl.txt", "can't be read as .pt")]:
        with zipfile.ZipFile("x.pt", "w") as archive:
            archive.writestr("data/version", "3")
            archive.writestr(name, "")
        wrong = error("@x.pt")
        assert message in wrong.message
        if name == "a/b/constants.pkl":
            assert wrong.hint == "Save tensors, or lists and dicts of them, with torch.save."


@pytest.mark.parametrize("dtype", ["float16", "int32", "uint8", "bool", "complex64"])
def test_a_numpy_file_of_numbers_or_booleans_can_be_read(folder, dtype):
    np.save("x.npy", np.ones(2, dtype=dtype))
    assert load_file("x.npy").dtype is getattr(torch, dtype)


@pytest.mark.parametrize("dtype", ["S1", "M8[D]", "m8[D]", "V2", [("a", "f4")]])
def test_a_numpy_file_of_something_else_is_refused(folder, dtype):
    np.save("x.npy", np.zeros(2, dtype=dtype))
    wrong = error("@x.npy")
    assert wrong.message == f"'x.npy' holds {np.dtype(dtype)} values, which no tensor can have"
    assert wrong.hint == "Save numbers or booleans."


# ---- --input-fn

FUNCTIONS = """
import torch
from collections import namedtuple, UserDict

def args(n=2): return (torch.ones(n), 3)
def listed(): return [torch.ones(2)]
def kwargs(): return {"x": torch.ones(2)}
def encoding(): return UserDict(x=torch.ones(2))
def both(): return ([torch.ones(2)], {"mask": torch.zeros(1)})
def one(): return torch.ones(2)
def packed(): return torch.nn.utils.rnn.pack_sequence([torch.ones(2, 1), torch.ones(1, 1)])
def nothing(): pass
def needs(model): return model
def keys(): return {0: torch.ones(2)}
def raises():
    raise ValueError("no data")
def inside():
    raise TypeError("from inside")
def listed_pair(): return [torch.ones(1)], {0: 1}
layer = torch.nn.Identity()
bare = torch.zeros
def empty(): return {}
def triple(): return [torch.ones(1)], {"x": 1}, 3
def number_and_dict(): return 3, {"x": 1}
def two(): return [torch.ones(2)], [torch.ones(3)]
Named = namedtuple("Named", ["a"])
def named(): return Named(torch.ones(2))
def stops(): raise SystemExit
def generated(): yield torch.ones(2)
async def waits(): return torch.ones(2)
def late():
    import extra
    return extra.value
number = 3
"""


@pytest.fixture
def functions(folder: Path):
    before = set(sys.modules)
    (folder / "fns.py").write_text(FUNCTIONS)
    (folder / "extra.py").write_text("import torch\nvalue = torch.ones(5)\n")
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


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
    assert notes == ("forward of Decorated needs the argument 'x', as far as its signature says",)


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
        ("fns:layer", "--input-fn: 'fns:layer' is an Identity, no function", "(args)"),
        ("fns:args(1, 2)", "'fns:args' takes 1 positional argument, 2 were given. Its signature:\nargs(n=2)", ""),
        ("fns:inside", "raised TypeError: from inside", "--traceback"),
        ("fns:bare", "the input function 'fns:bare' raised TypeError", "--traceback"),
        ("nothing_like_this:make", "--input-fn: there is no module", ""),
        ("fns:argz", "--input-fn: the module 'fns' has no 'argz'", "Did you mean 'args'? Its functions: args, listed"),
        ("fns:py", "--input-fn: the module 'fns' has no 'py'", "A file is named with a colon: path/to/fns.py:make."),
        ("fns:number", "--input-fn: 'fns:number' is an int (3), no function", "(args)"),
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


# ---- guesses


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

    def one_guess(model, question, notes):
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
    def one_guess(model, question, notes):
        assert question is nobody
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


def test_transformers_models_of_text_have_a_guess_that_runs():
    from transformers import BertConfig, BertModel

    small = {"num_hidden_layers": 1, "hidden_size": 12, "intermediate_size": 4, "num_attention_heads": 2}
    bert = BertModel(BertConfig(**small))
    inputs = guess_inputs(bert)
    assert inputs.kwargs["input_ids"].shape == (3, 5)
    assert bert(**inputs.kwargs).last_hidden_state.shape == (3, 5, 12)
