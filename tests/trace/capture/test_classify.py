"""What an op did, told from what was seen of it: its kind, what it wrote to, its arguments, its names and its FLOPs."""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from modinspect.trace.capture import names
from modinspect.trace.capture.classify import aliased, kind_of, literals, mutated_positions, operands_of
from modinspect.trace.capture.flop_estimates import estimate_flops
from modinspect.trace.capture.flops import count_flops, has_formula

ATEN: Any = torch.ops.aten
VIEW, ADD = ATEN.view.default, ATEN.add.Tensor

# ---- the kind


@pytest.mark.parametrize("func", [Tensor.item, Tensor.__bool__, torch.equal, torch.allclose, torch.is_nonzero])
def test_what_takes_a_value_to_python_reads_whatever_it_gives_and_runs(func: Any) -> None:
    x = torch.ones(2)
    for operands, results, aten in [([x], [], []), ([x], [x], [ADD]), ([], [], [])]:
        assert kind_of(func, operands, results, (), aten) == "read"


@pytest.mark.parametrize("func", [names.SET_DATA, Tensor.backward])
def test_what_changes_a_tensor_from_outside_computes_though_it_gives_nothing(func: Any) -> None:
    assert kind_of(func, [torch.ones(2)], [], (), [ADD]) == "compute"


def test_what_gives_nothing_and_writes_nothing_reads_if_an_operator_ran_on_a_tensor() -> None:
    x = torch.ones(2)
    assert kind_of(torch.add, [x], [], (), [ADD]) == "read"
    assert kind_of(torch.add, [x], [], (), []) is None
    assert kind_of(torch.add, [], [], (), [ADD]) is None


def test_what_takes_no_tensor_or_only_its_shape_creates() -> None:
    x = torch.ones(2)
    assert kind_of(torch.tensor, [], [x], (), []) == "create"
    assert kind_of(torch.zeros_like, [x], [torch.zeros(2)], (), [ADD]) == "create"
    assert kind_of(torch.add, [x], [torch.zeros(2)], (), [ADD]) == "compute"


def test_what_writes_to_an_operand_computes_whether_it_gives_it_back_or_not() -> None:
    x = torch.ones(2)
    assert kind_of(Tensor.add_, [x], [x], (0,), [ADD]) == "compute"
    assert kind_of(Tensor.__setitem__, [x], [], (0,), [ADD]) == "compute"


def test_a_view_is_where_all_results_share_memory_with_operands() -> None:
    x, y = torch.ones(2), torch.ones(2)
    assert kind_of(Tensor.view, [x], [x.view(2, 1)], (), [VIEW]) == "view"
    assert kind_of(torch.broadcast_tensors, [x, y], [x.view(2), y.view(2)], (), [VIEW]) == "view"
    assert kind_of(torch.broadcast_tensors, [x, y], [y.view(2)], (), [VIEW]) == "view"
    assert kind_of(torch.broadcast_tensors, [x], [x.view(2), y], (), [VIEW]) == "compute"
    assert kind_of(Tensor.view, [x], [y], (), [VIEW]) == "compute"


@pytest.mark.parametrize(
    "func",
    [
        F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout, torch.dropout,
        torch.feature_dropout, torch.dropout_, torch.alpha_dropout_,
    ],
)  # fmt: skip
def test_dropout_that_passes_its_input_on_is_no_view(func: Any) -> None:
    x = torch.ones(2)
    assert kind_of(func, [x], [x], (), []) == "compute"


def test_tensors_without_storage_are_views_where_all_operators_are() -> None:
    dense, sparse = torch.ones(2), torch.ones(2).to_sparse()
    for operands, results in [([sparse], [sparse]), ([dense], [sparse]), ([sparse], [dense])]:
        assert kind_of(Tensor.view, operands, results, (), [VIEW, ATEN.transpose.int]) == "view"
        assert kind_of(Tensor.view, operands, results, (), [VIEW, ADD]) == "compute"
        assert kind_of(Tensor.view, operands, results, (), []) == "compute"


# ---- what it got and wrote to


def test_operands_have_the_places_where_they_stand() -> None:
    a, b, c, d = (torch.ones(size) for size in range(4))
    found = list(operands_of((a, [3, b], "x"), {"weight": c, "rest": {"k": d}, "flag": True}))
    assert [place for place, _ in found] == ["0", "1.1", "weight", "rest.k"]
    assert all(one is other for (_, one), other in zip(found, (a, b, c, d), strict=True))


def test_what_was_written_to_is_the_operand_itself_or_those_that_share_its_memory() -> None:
    x, y, sparse = torch.ones(2), torch.ones(2), torch.ones(2).to_sparse()
    view = x.view(2)
    assert mutated_positions(Tensor.add_, [x, y], []) == ()
    assert mutated_positions(Tensor.add_, [y, x], [x]) == (1,)
    assert mutated_positions(Tensor.add_, [x, y, x], [x, y]) == (0, 1, 2)
    assert mutated_positions(Tensor.add_, [view, x], [x]) == (1,)
    assert mutated_positions(Tensor.add_, [y, view], [x]) == (1,)
    assert mutated_positions(Tensor.add_, [view, x.view(1, 2), y], [x[0]]) == (0, 1)
    assert mutated_positions(Tensor.add_, [y], [x]) == ()
    assert mutated_positions(Tensor.add_, [sparse], [torch.ones(3).to_sparse()]) == ()


def test_setitem_writes_to_its_tensor_alone() -> None:
    x = torch.ones(2)
    assert mutated_positions(Tensor.__setitem__, [x, x[0]], [x[1]]) == (0,)
    assert mutated_positions(Tensor.__setitem__, [x, x[0]], []) == ()


def test_operands_that_share_memory_are_aliased() -> None:
    x = torch.ones(2)
    assert aliased([x, x.view(1, 2)])
    assert aliased([x, torch.ones(1), x])
    assert not aliased([x, torch.ones(2)])
    assert not aliased([x])
    assert not aliased([])


# ---- its other arguments


class Number(enum.IntEnum):
    ONE = 1


X = torch.ones(1)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, None),
        (True, True),
        (3, 3),
        ("mean", "mean"),
        (0.5, 0.5),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (torch.float16, "float16"),
        (torch.device("meta"), "meta"),
        (torch.strided, "strided"),
        (torch.channels_last, "channels_last"),
        (1 + 2j, "(1+2j)"),
        (..., "..."),
        (slice(1, 5), "1:5"),
        (slice(None), ":"),
        (slice(None, -1), ":-1"),
        (slice(0, None, 2), "0::2"),
        (slice(1, 5, None), "1:5"),
        (slice(X, 2, X), "?:2:?"),
        (slice(True, 2), "?:2"),
        ((1, [2.0, "a"]), [1, [2.0, "a"]]),
        ([], []),
        ((), []),
        ([X, 1], [None, 1]),
        ([None, X], [None, None]),
        (list(range(64)), list(range(64))),
        ([[], X], [[], None]),
    ],
)
def test_an_argument_is_kept_as_json_can_hold_it(value: object, literal: object) -> None:
    for found in (literals((value,), {}), literals((), {"0": value})):
        assert found == {"0": literal}
        assert type(found["0"]) is type(literal)


@pytest.mark.parametrize("value", [X, [X], [X, [X]], list(range(65)), Number.ONE, object(), {"a": 1}, b"x"])
def test_tensors_long_lists_and_objects_are_no_literals(value: object) -> None:
    assert literals((value, 1), {"dim": value, "p": 0.5}) == {"1": 1, "p": 0.5}


# ---- names


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (ATEN.mm.default, "torch.ops.aten.mm"),
        (ATEN.add.Tensor, "torch.ops.aten.add.Tensor"),
        (ATEN.mm, "torch.ops.aten.mm"),
        (torch.ops.higher_order.cond, "torch.ops.higher_order.cond"),
        (F.relu, "torch.nn.functional.relu"),
        (F.conv2d, "torch.nn.functional.conv2d"),
        (F.gelu, "torch.nn.functional.gelu"),
        (Tensor.add, "torch.Tensor.add"),
        (Tensor.T.__get__, "torch.Tensor.T"),  # type: ignore[attr-defined]
        (torch.cat, "torch.cat"),
        (torch.einsum, "torch.einsum"),
        (torch.linalg.inv, "torch.linalg.inv"),
        (torch.fft.fft, "torch.fft.fft"),
        (torch.spmm, "torch.mm"),
        (torch.sparse.mm, "torch.sparse.mm"),
        (torch._C._nn.pad, "torch.nn.pad"),
        (torch.Generator.manual_seed, "torch.Generator.manual_seed"),  # has no __module__
        (len, "builtins.len"),
    ],
)
def test_a_function_has_the_name_that_people_write(func: Any, name: str) -> None:
    assert names.public_name(func) == name
    assert names.last_name(func) == name.rpartition(".")[2]


def test_a_function_that_says_little_of_itself_has_a_name_all_the_same() -> None:
    class Odd:
        def __call__(self) -> None:
            pass

    class Homeless(Odd):
        __module__ = None  # type: ignore[assignment]

    varied = Odd()
    varied.__qualname__ = "_VariableFunctionsClass.varied"  # type: ignore[attr-defined]
    assert names.public_name(Odd()) == f"{__name__}.Odd"
    assert names.public_name(Homeless()) == "torch.Homeless"
    assert names.public_name(varied) == f"{__name__}.varied"


def test_the_parameters_are_those_that_are_documented() -> None:
    assert [p.name for p in names.parameters_of(F.linear)] == ["input", "weight", "bias"]
    assert [p.name for p in names.parameters_of(torch.cat)][:2] == ["tensors", "dim"]
    assert names.parameters_of(ATEN.mm.default) == names.parameters_of(ATEN.mm) == ()
    assert names.parameters_of(torch.zeros) == ()  # no signature
    assert names.parameters_of(3) == ()  # nothing that has one


def several(first: object, *rest: object, last: object = None) -> None: ...


@pytest.mark.parametrize(
    ("func", "place", "name"),
    [
        (F.linear, "0", "input"),
        (F.linear, "1", "weight"),
        (F.linear, "3", "3"),
        (F.linear, "bias", "bias"),
        (torch.cat, "0.2", "tensors.2"),
        (torch.cat, "tensors.2", "tensors.2"),
        (several, "0.1", "first.1"),
        (several, "1", "rest.0"),
        (several, "3", "rest.2"),
        (several, "2.k.0", "rest.1.k.0"),
        (torch.zeros, "0", "0"),
    ],
)
def test_an_argument_has_the_name_of_its_parameter(func: Callable[..., Any], place: str, name: str) -> None:
    assert names.argument_name(func, place) == name


@pytest.mark.parametrize(
    "func",
    [
        torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm, torch.arange,
        torch.range, torch.linspace, torch.logspace, torch.eye, torch.zeros_like, torch.randn_like, Tensor.new_ones,
        Tensor.new_tensor,
    ],
)  # fmt: skip
def test_what_is_made_from_a_shape_is_known_by_its_name(func: Any) -> None:
    assert names.makes_from_shape(func)


@pytest.mark.parametrize("func", [torch.cat, Tensor.renorm, Tensor.ne, torch.ops.aten.mm])
def test_what_is_made_from_values_is_not(func: Any) -> None:
    assert not names.makes_from_shape(func)


def test_questions_and_switches_are_silent_and_a_tensor_says_so_under_each_name() -> None:
    for func in (Tensor.shape.__get__, Tensor.size, Tensor.requires_grad_, Tensor.requires_grad.__set__, Tensor.grad.__set__):  # type: ignore[attr-defined,union-attr]
        assert func in names.SILENT
    assert {Tensor.requires_grad_, Tensor.requires_grad.__set__} == names.SETS_FLAGS  # type: ignore[attr-defined]
    assert not names.SILENT & names.READS
    assert names.EXPOSES < names.UNIQUE
    for func in (Tensor.numpy, Tensor.data_ptr, Tensor.untyped_storage):
        assert func in names.EXPOSES
    for func in (torch.autograd.grad, torch.autograd.backward, F.scaled_dot_product_attention, F.multi_head_attention_forward):
        assert func in names.UNIQUE
    assert {names.SET_DATA, Tensor.backward} == names.COMPUTES < names.UNIQUE
    assert all(callable(func) or inspect.ismethoddescriptor(func) for func in names.SILENT | names.READS)


# ---- FLOPs


def flops_of(func: Any, *args: Any, **kwargs: Any) -> int | None:
    return count_flops(func, args, kwargs, func(*args, **kwargs))


def test_flops_are_those_of_the_formula_with_all_that_it_is_told() -> None:
    assert flops_of(ATEN.mm.default, torch.ones(2, 3), torch.ones(3, 5)) == 2 * 2 * 3 * 5
    image, weight = torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3)
    convolution = ATEN.convolution.default
    # the formula asks for the shape of what came out: 4 channels of 6 by 6, each of 27 multiplications and additions
    assert flops_of(convolution, image, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1) == 2 * 4 * 6 * 6 * 27
    named = {"transposed": False, "output_padding": [0, 0], "groups": 1}
    assert flops_of(convolution, image, weight, None, [1, 1], [0, 0], [1, 1], **named) == 2 * 4 * 6 * 6 * 27


def test_operators_that_multiply_without_a_formula_are_not_known_and_others_are_nothing() -> None:
    assert flops_of(ATEN.mv.default, torch.ones(2, 3), torch.ones(3)) is None
    assert flops_of(ATEN.add.Tensor, torch.ones(2), torch.ones(2)) == 0
    assert count_flops(torch.ops.prims.convert_element_type.default, (), {}, None) == 0
    assert count_flops(torch.ops.prim.device.default, (), {}, None) == 0
    assert count_flops(torch.ops.profiler._record_function_enter.default, (), {}, None) is None


def test_attention_on_the_cpu_is_estimated_as_its_twin_is_counted() -> None:
    func = ATEN._scaled_dot_product_flash_attention_for_cpu.default
    query = torch.ones(1, 2, 4, 8)  # (batch, heads, length, features)
    out = func(query, query, query)
    two_products = 2 * (2 * 1 * 2 * 4 * 4 * 8)
    assert count_flops(func, (query, query, query), {}, out) == (two_products if has_formula(func) else None)  # since 2.15
    assert estimate_flops(func, (query, query, query), {}, out, None) == two_products
    assert estimate_flops(func, (query, query, query), {"scale": 1.0}, out, None) == two_products
    assert estimate_flops(ATEN._linalg_svd.default, (query,), {}, None, None) is None
    assert estimate_flops(ATEN.mm.default, (query[0, 0], query[0, 0].T), {}, None, 5) == 5  # as counted


def test_only_what_the_registry_counts_has_a_formula() -> None:
    assert has_formula(ATEN.mm.default)
    assert has_formula(ATEN.mm.out)
    assert not has_formula(ATEN.linear.default)
