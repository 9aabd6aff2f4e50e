"""Reports written by hand: a linear layer, then ``F.relu`` in the model's own forward."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modinspect
from modinspect.comparison import Change, diff
from modinspect.render.comparison.text import diff_text
from modinspect.report import (
    ForwardError,
    Input,
    ModelInfo,
    ModuleInfo,
    Op,
    Operand,
    Output,
    Report,
    Result,
    Source,
    StateTensor,
    Totals,
    Unregistered,
)
from tests.data_helpers import replace


def module(path: str, class_name: str, **facts: object) -> ModuleInfo:
    given = {"calls": 1, "params": 55, "own_params": 55, "trainable_params": 55, "param_bytes": 220, "flops": 100, **facts}
    return ModuleInfo(path, class_name, True, path != "", output_shapes=((1, 5),), **given)  # type: ignore[arg-type]


def op(index: int, name: str, owner: str, origins: tuple[str | None, ...], line: int = 1) -> Op:
    operands = tuple(Operand((1, 5), "float32", origin, "input") for origin in origins)
    return Op(
        index, name, "compute", owner == "", owner, 0, operands, (Result((1, 5), "float32"),), 0, Source("net.py", line, "f")
    )


LINEAR = op(0, "torch.nn.functional.linear", "fc", ("input:0", "param:fc.weight"))
RELU = op(1, "torch.nn.functional.relu", "", ("op:0",))
TANH = op(2, "torch.tanh", "", ("op:1",))
NET = Report(
    model=ModelInfo("pkg:Net", "Net", False, "cpu", "real"),
    inputs=(Input("x", (1, 10), "float32"),),
    outputs=(Output("", (1, 5), "float32", "op:2"),),
    modules=(module("", "Net"), module("fc", "Linear")),
    ops=(LINEAR, RELU, TANH),
    unregistered=(),
    totals=Totals(55, 55, 220, 0, 3, 2, 100, 0, 0),
    parameters=(StateTensor("fc.weight", (), (5, 10), "float32", "cpu", 50, True, True),),
    buffers=(StateTensor("scale", (), (5,), "float32", "cpu", 5, False, True),),
)


def test_a_report_does_not_differ_from_itself() -> None:
    assert not diff(NET, NET)
    assert diff(NET, NET).changes == ()


def test_an_operand_of_unknown_origin_is_one_in_both() -> None:
    unknown = replace(NET, ops=(op(0, "torch.tanh", "", (None, "input:0")),))
    assert diff(unknown, unknown).changes == ()
    (change,) = diff(unknown, replace(NET, ops=(op(0, "torch.tanh", "", ("input:0", "input:0")),))).changes
    froms = [[operand["from"] for operand in side["inputs"]] for side in (change.before, change.after)]
    assert froms == [[None, "input:0"], ["input:0", "input:0"]]


def test_names_lines_notes_and_the_way_it_was_run_are_no_difference() -> None:
    moved = replace(
        NET,
        model=replace(NET.model, target="other:Net", execution="weightless", notes=("said",)),
        ops=tuple(replace(op, source=Source("other.py", 99, "g")) for op in NET.ops),
    )
    assert not diff(NET, moved)


def test_a_removed_op_is_one_change_and_leaves_those_after_it_alone() -> None:
    shorter = replace(NET, ops=(LINEAR, replace(op(1, TANH.name, "", ("op:0",)))))
    (change,) = diff(NET, shorter).changes
    assert (change.kind, change.section, change.name, change.module) == ("removed", "ops", RELU.name, "")
    assert change.before is not None
    assert change.before["inputs"] == [{"shape": [1, 5], "dtype": "float32", "from": "op:0", "argument": "input"}]


def test_an_added_op_is_one_change_and_leaves_those_after_it_alone() -> None:
    shorter = replace(NET, ops=(LINEAR, replace(op(1, TANH.name, "", ("op:0",)))))
    (change,) = diff(shorter, NET).changes
    assert (change.kind, change.name) == ("added", RELU.name)


def test_an_op_that_moved_is_removed_and_added() -> None:
    swapped = replace(NET, ops=(LINEAR, op(1, TANH.name, "", ("op:0",)), op(2, RELU.name, "", ("op:1",))))
    assert sorted(change.kind for change in diff(NET, swapped).changes) == ["added", "removed"]


def test_an_op_that_reads_another_one_changed() -> None:
    skips = replace(NET, ops=(LINEAR, RELU, op(2, TANH.name, "", ("op:0",))))
    (change,) = diff(NET, skips).changes
    assert (change.kind, change.name) == ("changed", TANH.name)
    assert change.before is not None
    assert change.before["inputs"][0]["from"] == "op:1"  # type: ignore[index,call-overload]


def test_where_an_op_gets_fewer_operands_all_are_told_by_numbers_of_the_second_report() -> None:
    names = ("torch.exp", "torch.sin", "torch.cos")
    exp, sin, cos = (op(i, name, "", ("input:0",)) for i, name in enumerate(names))
    before = replace(NET, outputs=(), ops=(exp, sin, cos, op(3, "torch.cat", "", ("op:1", "op:2", "op:1", "op:0"))))
    after = replace(
        NET, outputs=(), ops=(replace(sin, index=0), replace(cos, index=1), op(2, "torch.cat", "", ("op:0", "op:1")))
    )
    removed, changed = diff(before, after).changes
    assert (removed.name, changed.name) == ("torch.exp", "torch.cat")
    froms = [[operand["from"] for operand in side["inputs"]] for side in (changed.before, changed.after)]
    assert froms == [["op:0", "op:1", "op:0", None], ["op:0", "op:1"]]


def test_a_tensor_that_is_no_longer_registered_changes_the_op_that_reads_it() -> None:
    loose = replace(
        NET,
        ops=(op(0, LINEAR.name, "fc", ("input:0", "unregistered:0")), RELU, TANH),
        unregistered=(Unregistered("tensor", "torch.rand", "Tensor", (5, 10), 0, None, module="fc"),),
    )
    changed, added = diff(NET, loose).changes
    assert changed.after is not None
    assert changed.after["inputs"][1]["from"] == "unregistered:torch.rand"  # type: ignore[index,call-overload]
    assert (added.section, added.kind, added.name) == ("unregistered", "added", "torch.rand in fc")


def test_another_tensor_returned_is_a_difference() -> None:
    """As large as the one before, and from an op that is still there."""
    early = replace(NET, outputs=(Output("", (1, 5), "float32", "op:1"),))
    assert diff(NET, early).changes == (Change("outputs", "", {"from": "op:2"}, {"from": "op:1"}),)
    assert "outputs\n  ~ (the model)  from op:2 → op:1\n" in str(diff(NET, early))


def test_an_output_is_the_same_whatever_the_number_of_its_op_and_whatever_op_it_went_through_last() -> None:
    shorter = replace(
        NET, ops=(LINEAR, replace(op(1, TANH.name, "", ("op:0",)))), outputs=(replace(NET.outputs[0], origin="op:1"),)
    )
    assert {change.section for change in diff(NET, shorter).changes} == {"ops"}
    cut = replace(NET, ops=(LINEAR, RELU), outputs=(replace(NET.outputs[0], origin="op:1"),))
    assert {change.section for change in diff(NET, cut).changes} == {"ops"}


def test_the_number_of_an_unregistered_tensor_is_no_difference() -> None:
    weight = Unregistered("tensor", "torch.rand", "Tensor", (5, 10), 0, None, module="fc")
    other = Unregistered("module", "layers[0]", "Linear", None, 55, None)
    one = replace(NET, ops=(op(0, LINEAR.name, "fc", ("input:0", "unregistered:0")),), unregistered=(weight, other))
    two = replace(NET, ops=(op(0, LINEAR.name, "fc", ("input:0", "unregistered:1")),), unregistered=(other, weight))
    assert not diff(one, two)


@pytest.mark.parametrize(
    ("other", "section", "name", "before", "after"),
    [
        (replace(NET, inputs=(Input("x", (2, 10), "float32"),)), "inputs", "x", {"shape": [1, 10]}, {"shape": [2, 10]}),
        (
            replace(NET, outputs=(Output("", (1, 5), "float16", "op:2"),)),
            "outputs", "", {"dtype": "float32"}, {"dtype": "float16"},
        ),
        (
            replace(NET, modules=(NET.modules[0], module("fc", "Linear", params=66))),
            "modules", "fc", {"params": 55}, {"params": 66},
        ),
        (
            replace(NET, modules=(NET.modules[0], module("fc", "Linear", flops=None))),
            "modules", "fc", {"flops": 100}, {"flops": None},
        ),
        (
            replace(NET, parameters=(replace(NET.parameters[0], trainable=False),)),
            "parameters", "fc.weight", {"trainable": True}, {"trainable": False},
        ),
        (replace(NET, totals=replace(NET.totals, flops=90)), "totals", "", {"flops": 100}, {"flops": 90}),
        (replace(NET, model=replace(NET.model, training=True)), "model", "", {"training": False}, {"training": True}),
    ],
)  # fmt: skip
def test_a_changed_fact_is_told_alone(other: Report, section: str, name: str, before: object, after: object) -> None:
    assert diff(NET, other).changes == (Change(section, name, before, after),)  # type: ignore[arg-type]


def test_modules_parameters_and_buffers_come_and_go() -> None:
    head = module("head", "Linear")
    other = replace(NET, modules=(NET.modules[0], head), parameters=(), buffers=())
    found = [(change.section, change.kind, change.name) for change in diff(NET, other).changes]
    assert found == [
        ("modules", "removed", "fc"),
        ("modules", "added", "head"),
        ("parameters", "removed", "fc.weight"),
        ("buffers", "removed", "scale"),
    ]


def test_an_error_in_one_of_them_is_a_difference() -> None:
    (change,) = diff(NET, replace(NET, error=ForwardError("ValueError", "no", "fc", None))).changes
    assert (change.section, change.kind) == ("error", "added")


ops = st.lists(st.sampled_from(["torch.tanh", "torch.relu", "torch.sin"]), max_size=12)


@given(ops, ops)
def test_what_is_added_one_way_is_removed_the_other(names_a: list[str], names_b: list[str]) -> None:
    a, b = (replace(NET, ops=tuple(op(i, name, "", ()) for i, name in enumerate(names))) for names in (names_a, names_b))
    there, back = diff(a, b), diff(b, a)
    assert len(a.ops) + sum(c.kind == "added" for c in there.changes) - sum(c.kind == "removed" for c in there.changes) == len(
        b.ops
    )
    assert bool(there) == bool(back) == (names_a != names_b)


@given(ops, ops)
def test_the_ops_that_correspond_are_the_same_the_other_way_round(names_a: list[str], names_b: list[str]) -> None:
    a, b = (replace(NET, ops=tuple(op(i, name, "", ()) for i, name in enumerate(names))) for names in (names_a, names_b))
    there, back = diff(a, b), diff(b, a)
    added, removed = ([c.name for c in there.changes if c.kind == kind] for kind in ("added", "removed"))
    assert added == [c.name for c in back.changes if c.kind == "removed"]
    assert removed == [c.name for c in back.changes if c.kind == "added"]


def test_ops_put_into_several_rounds_of_a_loop_are_added_alone() -> None:
    """The rounds are all alike, so that most of the ops are alike when moved by a round, too."""

    def loop(*with_tanh: int) -> Report:
        names = [
            name
            for number in range(6)
            for name in ("torch.matmul", *["torch.tanh"] * (number in with_tanh), "torch.relu", "torch.add")
        ]
        return replace(NET, outputs=(), ops=tuple(op(i, name, "", ()) for i, name in enumerate(names)))

    assert [(c.kind, c.name) for c in diff(loop(), loop(0, 2, 5)).changes] == [("added", "torch.tanh")] * 3


def test_another_call_of_a_module_before_the_others_is_one_change() -> None:
    calls = tuple(replace(op(i, LINEAR.name, "fc", (f"op:{i - 1}",)), call=i) for i in range(3))
    before = replace(NET, ops=(LINEAR, RELU, replace(calls[1], index=2)))
    after = replace(NET, ops=(calls[0], replace(calls[1], index=1), replace(RELU, index=2), replace(calls[2], index=3)))
    assert [(c.kind, c.name) for c in diff(before, after).changes if c.kind != "changed"] == [("added", LINEAR.name)]


def test_the_rounds_of_a_loop_are_told_apart_by_the_call_of_the_module() -> None:
    def rounds(*numbers: int) -> Report:
        ran = tuple(replace(op(i, RELU.name, "fc", ()), call=call) for i, call in enumerate(numbers))
        return replace(NET, outputs=(), ops=ran)

    larger = rounds(0, 0, 1, 1)
    larger = replace(larger, ops=(larger.ops[0], replace(larger.ops[1], flops=7), *larger.ops[2:]))
    (change,) = diff(rounds(0, 1, 1), larger).changes
    assert (change.kind, (change.after or {})["flops"]) == ("added", 7)


def test_an_operand_from_nowhere_does_not_disturb() -> None:
    """A saved report is a file: anything may stand in it."""
    odd = replace(NET, ops=(op(0, "torch.tanh", "", ("op:none", "unregistered:99")),))
    assert not diff(odd, odd)


def test_the_json_holds_each_change() -> None:
    other = replace(NET, totals=replace(NET.totals, flops=90))
    assert diff(NET, other).to_dict() == {
        "schema_version": 1,
        "before": "pkg:Net",
        "after": "pkg:Net",
        "changes": [
            {
                "section": "totals",
                "change": "changed",
                "name": "",
                "module": None,
                "before": {"flops": 100},
                "after": {"flops": 90},
            }
        ],
    }


@pytest.mark.process
def test_the_functions_diff_and_lint_survive_the_import_of_their_packages() -> None:
    assert not modinspect.diff(NET, NET)
    code = "import modinspect.comparison, modinspect.linter; assert callable(modinspect.diff) and callable(modinspect.lint)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_difference_prints_itself() -> None:
    other = replace(
        NET,
        model=replace(NET.model, target="pkg:[bold]\x1b[31m"),
        modules=(
            NET.modules[0],
            module("fc", "Linear", params=66, own_params=66, param_bytes=264, extra_repr="out_features=6"),
        ),
        ops=(LINEAR, TANH),
        totals=replace(NET.totals, flops=90, buffer_bytes=2048),
    )
    assert str(diff(NET, other)) == (
        "- pkg:Net\n"
        "+ pkg:[bold]\\x1b[31m\n"
        "\n"
        "modules\n"
        "  ~ fc  none → out_features=6 · params 55 → 66 (+11)\n"
        "\n"
        "ops\n"
        "  - F.relu in (the model)  (1, 5) from op:0 → (1, 5)\n"
        "\n"
        "totals\n"
        "  ~ buffer bytes 0 B → 2.00 KiB (+2.00 KiB) · FLOPs 100 → 90 (-10)\n"
        "\n"
        "1 removed, 2 changed\n"
    )


def test_two_numbers_that_change_alike_are_both_told_unless_they_count_the_same_parameters() -> None:
    facts = {
        "params": 64,
        "trainable_params": 64,
        "param_bytes": 256,
        "ops": 4,
        "hidden_ops": 4,
        "flops": 64,
        "hidden_flops": 64,
    }
    before = replace(NET, totals=Totals(**{**facts, "buffer_bytes": 0, "uncounted_ops": 0}))
    after = replace(NET, totals=replace(before.totals, **{key: 2 * value for key, value in facts.items()}))
    assert (
        "  ~ params 64 → 128 (+64) · ops 4 → 8 (+4) · hidden ops 4 → 8 (+4) · FLOPs 64 → 128 (+64)"
        " · hidden FLOPs 64 → 128 (+64)\n" in str(diff(before, after))
    )
    half = replace(after, totals=replace(after.totals, trainable_params=96))
    assert "  ~ params 64 → 128 (+64) · trainable params 64 → 96 (+32) · " in str(diff(before, half))
    larger = replace(NET, totals=replace(before.totals, param_bytes=512, buffer_bytes=512))
    smaller = replace(NET, totals=replace(before.totals, buffer_bytes=256))
    assert "  ~ param bytes 256 B → 512 B (+256 B) · buffer bytes 256 B → 512 B (+256 B)\n" in str(diff(smaller, larger))


def test_of_arguments_only_those_that_differ_are_told() -> None:
    before = replace(NET, ops=(replace(LINEAR, arguments={"eps": 1e-05, "shape": [64], "gone": None}), RELU, TANH))
    after = replace(NET, ops=(replace(LINEAR, arguments={"eps": 0.001, "shape": [64], "new": "x"}), RELU, TANH))
    assert "  ~ F.linear in fc  arguments eps=1e-05 → 0.001, gone=None → none, new=none → 'x'\n" in str(diff(before, after))


def test_what_a_module_says_of_itself_is_told_with_the_name_once() -> None:
    before, after = (
        replace(NET, modules=(NET.modules[0], replace(NET.modules[1], extra_repr=text)))
        for text in ("64, out_features=5, bias=True", "32, out_features=6, p=0.1")
    )
    assert "  ~ fc  64 → 32, out_features=5 → 6, bias=True → p=0.1\n" in str(diff(before, after))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("3, 8, kernel_size=(3, 3), padding=(1, 1)", "3, 8, kernel_size=(5, 5), padding=(2, 1)",
         "kernel_size=(3, 3) → (5, 5), padding=(1, 1) → (2, 1)"),
        ("8, kernel_size=(3, 3)", "8, kernel_size=3", "kernel_size=(3, 3) → 3"),
        ("sizes=[(1, 2), {3, 4}], p=1", "sizes=[(1, 2), {5, 4}], p=1", "sizes=[(1, 2), {3, 4}] → [(1, 2), {5, 4}]"),
        ("a), b, (c", "a), d, (c", "b → d"),
        ("(a, b", "(a, c", "(a, b → (a, c"),
    ],
)  # fmt: skip
def test_a_tuple_that_a_module_tells_of_is_told_whole(old: str, new: str, told: str) -> None:
    before, after = (replace(NET, modules=(replace(NET.modules[1], extra_repr=text),)) for text in (old, new))
    assert f"  ~ fc  {told}\n" in str(diff(before, after))


def test_what_is_new_is_told_without_nothings_and_repetitions() -> None:
    new = module("act", "ReLU", params=0, own_params=0, trainable_params=0, flops=0, param_bytes=0)
    half = module("half", "Linear", own_params=5, calls=0, trainable_params=0)
    text = str(diff(NET, replace(NET, modules=(*NET.modules, new, half))))
    assert "  + act  ReLU · calls 1 · output shapes (1, 5)\n" in text
    assert "  + half  Linear · calls 0 · params 55 · own params 5 · FLOPs 100 · output shapes (1, 5)\n" in text


def test_on_a_page_lines_end_between_details_or_between_the_items_of_a_long_one() -> None:
    wider = tuple(Operand((1, 5_000), "float32", None, name) for name in ("query", "key", "value"))
    narrow = tuple(replace(one, shape=(1, 4_000)) for one in wider)
    before, after = (replace(NET, ops=(replace(LINEAR, inputs=operands), RELU, TANH)) for operands in (narrow, wider))
    after = replace(after, ops=(replace(after.ops[0], flops=1_234, name=LINEAR.name), RELU, TANH))
    assert "".join(diff_text(diff(before, after), 60).plain.partition("ops\n")[1:]) == (
        "ops\n"
        "  ~ F.linear in fc  takes query (1, 4000) → (1, 5000),\n"
        "      key (1, 4000) → (1, 5000), value (1, 4000) → (1, 5000)\n"
        "      · FLOPs 0 → 1,234 (+1,234)\n"
        "\n"
        "1 changed\n"
    )


def test_on_a_page_a_message_that_is_longer_than_a_line_is_broken_between_words() -> None:
    message = "The size of tensor a (4) must match the size of tensor b (5) at non-singleton dimension 1"
    failed = replace(NET, error=ForwardError("RuntimeError", message, "fc", None))
    assert "".join(diff_text(diff(NET, failed), 60).plain.partition("error\n")[1:]) == (
        "error\n"
        "  + type RuntimeError · message The size of tensor a (4)\n"
        "      must match the size of tensor b (5) at non-singleton\n"
        "      dimension 1 · module fc\n"
        "\n"
        "1 added\n"
    )
