"""The table as a person sees it: its text at fixed widths, and what must hold at every width."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from modinspect.render.table import View, render_table, table_text
from modinspect.render.table.marks import MARKS
from modinspect.render.text import plain
from modinspect.report import Output, Report, Result, Source
from tests.data_helpers import replace
from tests.render.render_reports import (
    FILE,
    HOSTILE,
    Forward,
    at,
    awkward,
    blocks,
    example,
    failing,
    hostile,
    hostile_not_run,
    hostile_to_the_end,
    operand,
    registered_only,
)

REPORTS = [example, blocks, awkward, failing, registered_only]
HOSTILE_REPORTS = [hostile, hostile_to_the_end, hostile_not_run]
WIDTHS = [80, 120, 200]


def lines(report: Report, width: int = 120, view: View | None = None) -> list[str]:
    return table_text(report, width, view or View(), "utf-8").splitlines()


def rows(report: Report, width: int = 120, view: View | None = None) -> list[str]:
    """The lines of the table: those from the rule to the blank line before the legend."""
    text = lines(report, width, view)
    first = next(index for index, line in enumerate(text) if line.startswith("──"))
    table = text[first + 1 :]
    stop = next(index for index, line in enumerate(table) if not line and not table[index + 1].strip().startswith("never"))
    return table[:stop]


def row(report: Report, name: str, width: int = 120, view: View | None = None) -> str:
    """The one line of the table that says ``name``."""
    found = [line for line in rows(report, width, view) if name in line]
    assert len(found) == 1, found
    return found[0]


def marks_of(line: str) -> set[str]:
    return {mark.symbol for mark in MARKS if mark.symbol in line[:8]}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("make", REPORTS, ids=lambda make: make.__name__)
def test_the_text(make: Callable[[], Report], width: int, snapshot: SnapshotAssertion) -> None:
    assert table_text(make(), width, encoding="utf-8") == snapshot


def test_the_example_has_both_halves_in_the_order_they_ran() -> None:
    table = rows(example())
    names = [re.split(r"[├└]\s*", line)[-1].split()[0] for line in table[1:]]
    assert names == ["fc", "relu", "torch.rand", "F.linear"]
    hidden_from = lines(example())[4].index("hidden")
    assert [line[hidden_from:].split()[0] for line in table[3:]] == ["torch.rand", "F.linear"]
    assert all(line[:hidden_from].strip(" ├└◆") == "" for line in table[3:])


def test_the_example_says_shapes_parameters_flops_and_places() -> None:
    assert row(example(), "fc  Linear").split()[-5:] == ["(1,", "5)", "55", "100", "model.py:20"]
    assert row(example(), "relu").split()[-3:] == ["(1,", "5)", "model.py:21"]
    assert row(example(), "├                  torch.rand").split()[-3:] == ["(3,", "5)", "model.py:22"]
    unregistered = row(example(), "F.linear")
    assert unregistered.startswith("◆")
    assert "weight=torch.rand" in unregistered
    assert unregistered.split()[-4:] == ["(1,", "3)", "30", "model.py:22"]


def test_the_example_ends_with_what_print_does_not_show() -> None:
    text = table_text(example(), 120, encoding="utf-8")
    assert "2 of 4 ops and 23 % of the FLOPs are hidden from print(model)." in text
    assert "130 · 65 MACs" in text
    assert "55 parameters (same) · 55 mult-adds (65 here: it counts biases, and no hidden ops)" in text


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("embed", "≡"),
        ("head", "≡"),
        ("odd  Odd", "∅"),
        ("Tensor.add_", "←"),
        ("Tensor.item", "→"),
        ("lone[0]", "■"),
        ("Tensor.mul", "◆"),
        ("spares", "○"),
        ("lent  Linear", "○"),
    ],
)
@pytest.mark.parametrize("width", [50, *WIDTHS])
def test_each_oddity_has_its_own_mark_at_every_width(name: str, mark: str, width: int) -> None:
    found = [line for line in rows(awkward(), width) if name[:6] in line and marks_of(line)]
    assert mark in {one for line in found for one in marks_of(line)}


def test_a_reused_module_says_which_call_it_is_and_counts_its_parameters_once() -> None:
    first, second = (line for line in rows(awkward()) if "shared" in line)
    assert first.startswith("↺1")
    assert second.startswith("↺2")
    assert " 110~ " in first
    assert "(110)~" in second


def test_frozen_parameters_are_marked_wholly_or_partly() -> None:
    assert " 10* " in row(awkward(), "frozen")
    assert " 1,270~ " in rows(awkward())[0]
    assert "1,270 (20 frozen, 4.96 KiB)" in table_text(awkward(), 120)


def test_what_is_unknown_is_a_question_mark_and_sums_say_that_something_is_missing() -> None:
    assert row(awkward(), "head").split()[-2:] == ["?", "model.py:50"]
    assert "680 +?" in rows(awkward())[0]
    assert "at least 680 · no formula for F.head\n" in table_text(awkward(), 120)


def test_estimates_are_told_from_what_was_counted() -> None:
    run = Forward()
    with run.call("", (1, 4)):
        run.op("torch.nn.functional.linear", (1, 4), flops=100)
        run.op("torch.nn.functional.scaled_dot_product_attention", (1, 4), flops=None, estimated_flops=50)
    assert rows(run.report())[0].split()[-1] == "≈150"
    assert row(run.report(), "attention").split()[-1] == "≈50"
    assert "≈150 · ≈75 MACs\n            estimated: F.scaled_dot_product_attention" in table_text(run.report(), 120)


def test_the_legend_has_the_marks_that_occur_and_no_others() -> None:
    text = table_text(awkward(), 120, encoding="utf-8")
    legend = text[text.index("◆  unregistered tensor") :]
    occurring = {"◆", "■", "∅", "○", "≡", "↺", "←", "→", "*", "~"}
    assert {line[0] for line in legend.splitlines() if line[1:3] == "  " and line[0] != " "} == occurring
    assert "never ran" not in table_text(example(), 120)


def test_modules_that_never_ran_stand_below_the_run() -> None:
    table = rows(awkward())
    block = [re.sub(" {3,}", "  ", line) for line in table[table.index("    never ran") + 1 :]]
    assert block == ["○  ├ spares  ModuleList  100", "○  └ lent  Linear  its parameters were used  30"]


def test_a_container_whose_children_ran_did_run() -> None:
    assert not any("ModuleList" in line for line in rows(blocks()))


def test_after_a_failure_nothing_is_said_to_have_never_run() -> None:
    assert "never ran" not in table_text(failing(), 120)


def test_an_unregistered_layer_is_one_row_on_the_hidden_side() -> None:
    lone = row(awkward(), "lone[0]")
    assert lone.index("lone[0]") == lines(awkward())[4].index("hidden")
    assert "Linear  F.linear" in lone


def test_ops_of_an_unregistered_module_stand_inside_it() -> None:
    run = Forward()
    run.module("odd", "Odd", registered=False)
    with run.call("", (1,)), run.call("odd", (1,)):
        run.op("torch.relu", (1,))
    odd, relu = rows(run.report())[1:]
    assert relu.index("torch.relu") == odd.index("odd") + 2


def test_a_layer_that_ran_without_an_op_is_shown() -> None:
    run = Forward()
    run.module("idle", "Identity", layer=True)
    with run.call("", (1,)), run.call("idle", (1,)):
        pass
    assert "idle  Identity" in row(run.report(), "idle")


def test_what_a_layer_does_inside_is_no_row_and_aten_tells_it() -> None:
    assert not any("F.fc" in line for line in rows(example()))
    assert "fc  Linear" in row(example(), "→ t, addmm", view=View(aten=True))
    assert row(example(), "→ t, mm", view=View(aten=True)).startswith("◆")


def test_operators_that_find_no_room_beside_their_op_stand_below_it() -> None:
    run = Forward()
    names = [f"aten.operator_number_{index}.default" for index in range(12)]
    with run.call("", (1,)):
        run.op("torch.many", (1,), aten=names)
        run.op("torch.more", (1,))
    for width in WIDTHS:
        text = " ".join(line.lstrip("│ ") for line in rows(run.report(), width, View(aten=True)))
        assert ", ".join(name[5:-8] for name in names) in text


def test_identical_blocks_fold_into_one() -> None:
    table = rows(blocks(32))
    assert "layers.0–31  Block ×32" in table[2]
    assert len(table) == 8 + 3
    assert row(blocks(32), "drop").startswith("○  └ layers.0–31.drop  Dropout ×32")


def test_expand_shows_all_of_them() -> None:
    table = rows(blocks(32), view=View(expand=True))
    assert len(table) == 2 + 32 * 6 + 2 + 32
    assert not any("×" in line for line in table)


def test_blocks_that_differ_anywhere_do_not_fold() -> None:
    report = blocks(6)
    last = next(op for op in reversed(report.ops) if op.name.endswith("gelu"))
    other = replace(last, outputs=(Result((1, 128, 255), "float32"),))
    changed = replace(report, ops=tuple(other if op is last else op for op in report.ops))
    assert "layers.0–4  Block ×5" in "\n".join(rows(changed))
    assert "layers.5  Block" in "\n".join(rows(changed))


def test_blocks_that_take_turns_with_ops_fold_as_rounds() -> None:
    run = Forward()
    for index in range(4):
        run.module(f"fc{index}", "Linear", layer=True)
    with run.call("", (1,)):
        for index in range(4):
            run.layer(f"fc{index}", (1,), line=5)
            run.op("torch.relu", (1,), line=5)
    table = rows(run.report())
    assert [" ".join(line.split()[:3]) for line in table[1:]] == ["└ ×4 these", "├ fc0–3 Linear", "└ torch.relu (1,)"]


def test_the_calls_of_one_module_in_a_row_fold() -> None:
    run = Forward()
    run.module("layer", "Linear", layer=True, params=7)
    with run.call("", (1,)):
        for _ in range(12):
            run.layer("layer", (1,), line=5)
    assert rows(run.report())[1].startswith("↺1–12  └ layer  Linear ×12")


def test_depth_sums_up_what_is_deeper_and_keeps_its_warnings() -> None:
    table = rows(blocks(), view=View(depth=1))
    assert [line.strip(" ├└").split()[0] for line in table[:3]] == ["Encoder", "embed", "layers.0–11"]
    assert "… 2 ops" in table[2]
    top = rows(awkward(), view=View(depth=0))[0]
    assert marks_of(top) == {"◆", "■", "∅"}
    assert "… 5 ops" in top


def test_depth_does_not_hide_the_call_that_failed() -> None:
    assert any(line.startswith("✗") for line in rows(failing(), view=View(depth=0)))


def test_compute_leaves_out_the_other_hidden_ops_but_for_those_with_a_warning() -> None:
    run = Forward()
    with run.call("", (1,)):
        run.op("torch.relu", (1,))
        run.op("torch.Tensor.view", (1,), kind="view")
        foreign = operand((1,), run.foreign_tensor("TABLE", 1))
        run.op("torch.Tensor.T", (1,), kind="view", inputs=(foreign,))
    table = "\n".join(rows(run.report(), view=View(ops="compute")))
    assert "torch.relu" in table
    assert "Tensor.T" in table
    assert "Tensor.view" not in table
    assert "1 hidden op not shown (--ops all shows them)" in table_text(run.report(), 120, View(ops="compute"))


def test_none_leaves_out_all_hidden_ops_and_keeps_their_count_and_warnings() -> None:
    table = rows(example(), view=View(ops="none"))
    assert len(table) == 3
    assert "MyModel  … 2 ops" in table[0]
    assert marks_of(table[0]) == {"◆"}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_failing_call_ends_the_table_with_the_shapes_that_met(width: int) -> None:
    last = rows(failing(), width)[-1]
    assert last.startswith("✗")
    assert last.endswith("F.linear  input (1, 288) · weight (5, 10) · bias (5,)")
    assert [marks_of(line) for line in rows(failing(), width)] == [{"…"}, set(), set(), {"…"}, {"✗"}]


def test_shapes_that_met_go_below_the_call_where_they_do_not_fit() -> None:
    text = " ".join(line.strip(" │") for line in rows(failing(), 50))
    assert "F.linear input (1, 288) · weight (5, 10) · bias (5,)" in text


def test_without_a_forward_the_registered_half_stands_alone() -> None:
    text = table_text(registered_only(), 120, encoding="utf-8")
    assert "hidden from print" not in text
    assert "up  Linear 64→256 " in text
    whole = table_text(registered_only(), 120, View(expand=True), encoding="utf-8")
    assert "up  Linear(in_features=64, out_features=256, bias=True)" in whole
    assert "0–11  Block ×12" in text
    assert "--input 1,3,224,224" in text


def test_several_outputs_are_named_where_there_is_room_and_counted_where_there_is_not() -> None:
    run = Forward()
    outputs = [Output(name, (1, 2), "float32") for name in ("logits", "hidden", "pooled", "states")]
    with run.call("", *outputs):
        pass
    assert "logits (1, 2), hidden (1, 2), pooled (1, 2) …+1" in rows(run.report(), 120)[0]
    assert "(1, 2) …+3" in rows(run.report(), 26)[0]


@pytest.mark.parametrize("make", REPORTS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("view", [View(), View(aten=True), View(depth=1), View(ops="none")], ids=str)
def test_no_line_is_wider_than_the_page(make: Callable[[], Report], view: View) -> None:
    for width in range(50, 210, 7):
        assert max(map(len, lines(make(), width, view))) <= width


@pytest.mark.parametrize("make", [example, blocks, awkward, registered_only], ids=lambda make: make.__name__)
def test_shapes_and_numbers_are_never_cut(make: Callable[[], Report]) -> None:
    def shapes(width: int) -> list[list[str]]:
        return [re.findall(r"\(\d[\d, ]*\)(?![~*])", line) for line in rows(make(), width)]

    for width in range(60, 200, 10):
        assert shapes(width) == shapes(200)


def test_places_are_cut_on_the_left_and_keep_the_line() -> None:
    run = Forward()
    source = Source("packages/of/somebody/with/many/folders/modeling_thing.py", 1234, "f")
    with run.call("", (1,)):
        run.op("torch.relu", (1,), source=source)
        run.op("torch.nn.functional.scaled_dot_product_attention", (1, 12, 128, 64), source=source)
    assert row(run.report(), "relu", 200).endswith(f"{source.file}:1234")
    assert row(run.report(), "relu", 80).endswith("modeling_thing.py:1234")
    assert row(run.report(), "relu", 66).endswith("ng.py:1234")


@pytest.mark.slow
def test_a_thousand_levels_are_numbered_and_not_drawn() -> None:
    run = Forward()
    depth = 1_000
    paths = [".".join(["a"] * level) for level in range(depth)]
    for path in paths[1:]:
        run.module(path, "Deep")
    calls = [run.call(path, (1, 5)) for path in paths]
    for call in calls:
        call.__enter__()
    run.op("torch.relu", (1, 5))
    for call in reversed(calls):
        call.__exit__(None, None, None)
    for view in (View(), View(expand=True), View(depth=500)):
        table = rows(run.report(), 80, view)
        assert max(map(len, table)) <= 80
    assert "⋮999" in rows(run.report(), 80)[-2]
    assert "⋮1000" in row(run.report(), "torch.relu", 80)
    nothing = replace(run.report(), calls=(), ops=())
    assert len(rows(nothing, 80)) == depth


@pytest.mark.parametrize("make", [*REPORTS, *HOSTILE_REPORTS], ids=lambda make: make.__name__)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_console_can_print_it(make: Callable[[], Report], encoding: str) -> None:
    text = table_text(make(), 80, encoding=encoding)
    assert text.encode(encoding).decode(encoding) == text


def test_in_ascii_every_mark_and_line_has_another_form() -> None:
    text = table_text(awkward(), 80, encoding="ascii")
    assert "@2  |-shared  Linear" in text
    assert "!  unregistered tensor" in text
    assert "`-head  Linear" in text
    assert len({mark.plain for mark in MARKS}) == len({mark.symbol for mark in MARKS}) == len(MARKS)


@pytest.mark.parametrize("make", HOSTILE_REPORTS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("view", [View(aten=True), View(aten=True, expand=True), View(depth=0), View(ops="none")])
def test_names_print_as_the_text_that_they_are(make: Callable[[], Report], view: View) -> None:
    text = table_text(make(), 400, view, "utf-8")
    assert plain(HOSTILE) in text
    assert not [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n"]
    assert not [line for line in text.splitlines() if line.startswith(("::", "<"))]


@pytest.mark.parametrize("make", HOSTILE_REPORTS, ids=lambda make: make.__name__)
def test_names_bring_no_codes_to_a_terminal(make: Callable[[], Report]) -> None:
    console = Console(file=io.StringIO(), width=400, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print(render_table(make(), View(aten=True)))
    written = re.sub(r"\x1b\[[\d;]*m", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert [line.rstrip() for line in written.splitlines()] == lines(make(), 400, View(aten=True))


def test_colour_adds_nothing_to_the_text() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print(render_table(awkward()), end="")
    coloured = re.sub(r"\x1b\[[\d;]*m", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert [line.rstrip() for line in coloured.splitlines()] == lines(awkward(), 100)


def test_text_for_no_terminal_is_as_wide_as_it_needs_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Forward()
    with run.call("", (1,)):
        run.op("torch.relu", (1,), source=at(1, file="a/" * 40 + FILE))
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert "a/" * 40 + FILE in table_text(run.report())
    monkeypatch.setenv("COLUMNS", "70")
    assert max(map(len, table_text(run.report()).splitlines())) <= 70


def test_printing_a_report_prints_the_table() -> None:
    assert str(example()) == table_text(example())
