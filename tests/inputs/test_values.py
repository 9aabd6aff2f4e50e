"""The tensors that a spec makes."""

from collections import OrderedDict, namedtuple

import pytest
import torch
from torch import nn

from modinspect.errors import InputError
from modinspect.inputs import (
    Inputs,
    make_inputs,
    values,
)
from modinspect.inputs.spec import ALIASES, value_range
from modinspect.inputs.values import place
from modinspect.session import available_memory
from tests.inputs.input_helpers import Net, error, made, tensor


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
    assert (caught.value.message, caught.value.hint) == ("'flot' isn't a dtype", "For example float32, bfloat16, float16.")


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
    wrong = error("1000000,1000000", available=available_memory())
    assert "needs 4.0 TB as float32, and " in wrong.message
    assert "needs" in error("9000000000,9000000000,9000000000:int8", available=available_memory()).message
    assert "torch can't create" in error("0,9223372036854775807,9223372036854775807").message
    assert tensor("0,1000000,1000000").numel() == 0


def test_a_refused_size_says_how_much_it_needs_and_how_much_there_is():
    assert made("2", available=8).args[0].shape == (2,)
    wrong = error("500000000:float64", available=8)
    assert wrong.message == "the input '500000000:float64' needs 4.0 GB as float64, and 0.0 GB are available"
    assert wrong.hint == "Give smaller sizes."
    assert "needs 0.0 GB as float32" in error("3", available=8).message
    assert made("3", available=None).args[0].shape == (3,)


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


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, OverflowError, TypeError, NotImplementedError])
def test_what_torch_can_not_make_is_said_in_its_first_line(monkeypatch, kind):
    def randn(*_, **__):
        raise kind("too odd\nand\nmore")

    monkeypatch.setattr(torch, "randn", randn)
    wrong = error("2,3")
    assert wrong.message == "torch can't create the input '2,3': too odd"
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
    assert wrong.message == "the input '2:float16:0..1e6': 1e+06 is out of range for float16"
    assert wrong.hint == "The largest one is 65504."
    assert "-1e+06 is out of range for float16" in error("2:float16:-1e6..0").message
    assert tensor("2:float16:-65504..65504").dtype is torch.float16
    assert "1e+06 is out of range for float16" in error("2:0..1e6", model=Net(torch.float16)).message
