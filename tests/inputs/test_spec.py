"""The grammar of ``--input``."""

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modinspect.errors import InputError
from modinspect.inputs import (
    InputSpec,
    parse_spec,
)
from modinspect.inputs.spec import ALIASES, GRAMMAR, value_range


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
    table = page.split("| input | value |")[1].split("\n\n")[0]
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
        (":", "nothing follows a ':'", "Leave out"),
        ("1,3:", "nothing follows a ':'", "Leave out"),
        ("1,3::ones", "nothing follows a ':'", "Leave out"),
        ("=1,3", "no name before '='", "[name=]DIMS"),
        ("1,3=3", "'1,3' isn't an argument name", "[name=]DIMS"),
        ("0.ids=1,3", "'0.ids' isn't an argument name", "batch.ids"),
        ("batch.=1,3", "'batch.' isn't an argument name", "batch.ids"),
        ("xs[0]=1,3", "'xs[0]' isn't an argument name", "xs.0"),
        ("-1,3", "size 1 is negative: -1", "0 or more"),
        ("3,-1", "size 2 is negative: -1", "0 or more"),
        ("1,,3", "size 2 is missing", "[name=]DIMS"),
        (",3", "size 1 is missing", "[name=]DIMS"),
        ("3,4,", "missing after the last comma", "Write 3,4."),
        ("1 10", "'1 10' isn't a list of sizes", "Commas separate them: 1,10."),
        ("1x3x8", "'1x3x8' isn't a list of sizes", "1,3,8"),
        ("(1,3)", "brackets", "Leave them out: 1,3"),
        ("[1,3]", "brackets", "Leave them out: 1,3"),
        ("(1,3", "size 1, '(1', isn't an integer", "[name=]DIMS"),
        ("1,3)", "size 2, '3)', isn't an integer", "[name=]DIMS"),
        ("X,3)", "size 1, 'X', isn't an integer", "[name=]DIMS"),
        ("(1,X", "size 1, '(1', isn't an integer", "[name=]DIMS"),
        ("B,3", "size 1, 'B', isn't an integer", "[name=]DIMS"),
        ("1,1.5", "size 2, '1.5', isn't an integer", "[name=]DIMS"),
        ("１,3", "size 1, '１', isn't an integer", "[name=]DIMS"),  # noqa: RUF001
        ("1,3,float32", "size 3 is missing before 'float32'", "1,3:float32"),
        ("int64", "size 1 is missing before 'int64'", ":int64"),
        ("99999999999999999999", "20 digits", "smaller"),
        ("9999999999999999999", "19 digits", "smaller"),
        ("x.pt", "isn't a list of sizes", "@x.pt"),
        ("x.pth", "isn't a list of sizes", "@x.pth"),
        ("x.npy", "isn't a list of sizes", "@x.npy"),
        ("x.safetensors", "isn't a list of sizes", "@x.safetensors"),
        ("dir/x", "isn't a list of sizes", "@dir/x"),
        ("dir\\x", "isn't a list of sizes", "@dir\\x"),
        ("@", "no file follows", "A file ends in .pt, .pth, .npy, .safetensors."),
        ("x=@ ", "no file follows", ".safetensors"),
        (
            "1:flaot32",
            "'flaot32' is neither a dtype nor a fill",
            "Did you mean 'float32'? Dtypes: float32, bfloat16, int64, bool, ... "
            "Fills: randn, rand, zeros, ones and LOW..HIGH, as in 0..100.",
        ),
        ("1:Float32", "'Float32' is neither a dtype nor a fill", "Did you mean 'float32'"),
        ("1:zeroes", "'zeroes' is neither a dtype nor a fill", "Did you mean 'zeros'?"),
        ("1:f32:rnad", "'rnad' isn't a fill", "Did you mean 'rand'?"),
        ("1:f32:i64", "'i64' isn't a fill", "LOW..HIGH"),
        ("1:ones:zeros", "'zeros' follows the fill 'ones'", "[name=]DIMS"),
        ("1:ones:f32", "'f32' follows the fill 'ones'", "The dtype comes first: 1:f32:ones"),
        ("1:f32:ones:x", "3 parts", "[name=]DIMS"),
        ("1:5", "'5' isn't a fill", "int64:5..6"),
        ("1:0...5", "isn't a range of numbers", "LOW..HIGH"),
        ("1:a..b", "isn't a range of numbers", "LOW..HIGH"),
        ("1:int64:randn", "randn makes no values of int64", "as in 0..100."),
        ("1:bool:rand", "rand makes no values of bool", "as in 0..2."),
        ("1:int64:5..5", "there is no value between 5 and 5", "5..6"),
        ("1:2..1", "there is no value between 2.0 and 1.0", "exclusive: 0..1."),
        ("1:0..1e999", "a bound is too large", "smaller"),
        ("1:-1e999..0", "a bound is too large", "smaller"),
        ("1:1e999..2e999", "a bound is too large", "smaller"),
        ("1:int64:0.5..3", "aren't integers", "0..100"),
        ("1:uint8:0..300", "299 is out of range for uint8", "at most 0..256"),
        ("1:int8:-129..1", "-129 is out of range for int8", "at most -128..128"),
        ("1:bool:0..3", "2 is out of range for bool", "at most 0..2"),
        ("1:int64:0..9223372036854775808", "is out of range for int64", "at most"),
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
