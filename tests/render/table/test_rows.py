"""Which rows there are, and what each says, before anything is drawn."""

from __future__ import annotations

from modinspect.render.table import View, table_text
from modinspect.render.table.marks import FOREIGN_TENSOR, NEVER, TIED, WRITES
from modinspect.render.table.module_rows import registered_rows
from modinspect.render.table.rows import Row
from modinspect.render.table.run_rows import ran_rows
from modinspect.report import Report
from tests.data_helpers import replace
from tests.render.render_reports import Forward, blocks, operand, registered_only


def rows(report: Report, view: View | None = None) -> dict[str, Row]:
    """The rows by name."""
    return {row.name: row for row in ran_rows(report, view or View()).rows}


def has(row: Row, mark: object) -> bool:
    return any(one is mark for one, _ in row.marks)


def test_what_a_layer_holds_belongs_to_the_layer() -> None:
    run = Forward()
    run.module("attn", "MultiheadAttention", layer=True)
    run.module("attn.out_proj", "NonDynamicallyQuantizableLinear", layer=True)
    with run.call("", (1,)):
        run.layer("attn", (1,))
    assert "never ran" not in rows(run.report())


def test_of_what_never_ran_only_the_outermost_is_listed() -> None:
    run = Forward()
    for path, name in (("branch", "Sequential"), ("branch.0", "Linear"), ("empty", "ModuleList"), ("alone", "Identity")):
        run.module(path, name)
    with run.call("", (1,)):
        pass
    never = [name for name, row in rows(run.report()).items() if has(row, NEVER)]
    assert never == ["branch", "alone"]


def test_a_layer_that_writes_its_own_statistics_writes_to_nobody_else() -> None:
    run = Forward()
    run.module("bn", "BatchNorm1d", layer=True)
    run.module("relu", "ReLU", layer=True)
    with run.call("", (1,)):
        run.layer("bn", (1,), mutates=(1,), inputs=(operand((1,), "input:0"), operand((1,), "buffer:bn.running_mean")))
        run.layer("relu", (1,), mutates=(0,), inputs=(operand((1,), "op:0"),))
    assert not has(rows(run.report())["bn"], WRITES)
    assert has(rows(run.report())["relu"], WRITES)


def test_warnings_from_any_depth_reach_the_row_that_sums_them_up() -> None:
    run = Forward()
    run.module("a", "A")
    run.module("a.b", "B")
    foreign = operand((1,), run.foreign_tensor("TABLE", 1))
    with run.call("", (1,)), run.call("a", (1,)), run.call("a.b", (1,)):
        run.op("torch.mul", (1,), inputs=(foreign,))
    for depth, name in enumerate(("Net", "a", "b")):
        top = rows(run.report(), View(depth=depth))
        assert has(top[name], FOREIGN_TENSOR)
        assert top[name].left_out == 1


def test_modules_inside_a_layer_are_rows_only_where_something_in_them_is_hidden() -> None:
    """A class that the setting ``opaque`` makes a layer may have children."""
    run = Forward()
    run.module("mlp", "Mlp", layer=True)
    run.module("mlp.fc", "Linear", layer=True)
    run.module("mlp.odd", "Odd")
    with run.call("", (1,)), run.call("mlp", (1,)):
        run.layer("mlp.fc", (1,), aten=("aten.addmm.default",))
        with run.call("mlp.odd", (1,)):
            run.op("torch.relu", (1,))
    assert list(rows(run.report())) == ["Net", "mlp", "odd", "torch.relu"]
    assert rows(run.report(), View(aten=True))["mlp"].aten == ("addmm",)


def test_modules_are_named_from_the_one_that_calls_them() -> None:
    run = Forward()
    for path in ("block", "block.layers.0", "blocked.fc"):
        run.module(path, "M")
    with run.call("", (1,)), run.call("block", (1,)), run.call("block.layers.0", (1,)):
        pass
    with run.call("block", (1,)), run.call("blocked.fc", (1,)):
        pass
    names = [row.name for row in ran_rows(run.report(), View(expand=True)).rows]
    assert names[:5] == ["Net", "block", "layers.0", "block", "blocked.fc"]


def test_operands_that_are_parameters_are_named_from_their_module() -> None:
    run = Forward()
    run.module("conv", "Conv1D")
    own, other = operand((1,), "param:conv.w", "weight"), operand((1,), "param:head.bias", "bias")
    with run.call("", (1,)), run.call("conv", (1,)):
        run.op("torch.addmm", (1,), inputs=(operand((1,), "input:0"), own, other, operand((1,), "param:conv.mask", "mask")))
    assert rows(run.report())["torch.addmm"].detail == "weight=w  bias=head.bias  mask"


def test_counts_stand_beside_names_that_leave_no_room() -> None:
    run = Forward()
    long = "a_name_that_goes_on_and_on_and_on_for_longer_than_any_column"
    for index in range(3):
        run.module(f"{long}{index}", "AClassWithALongNameToo")
    with run.call("", (1,)):
        for index in range(3):
            with run.call(f"{long}{index}", (1, 64, 128), line=3):
                run.op("torch.relu", (1, 64, 128), line=4)
    folded = next(line for line in table_text(run.report(), 60, encoding="utf-8").splitlines() if "0–2" in line)
    assert "×3" in folded
    summed_up = table_text(run.report(), 60, View(depth=1, expand=True), "utf-8")
    assert summed_up.count("… 1 op ") == 3


def test_without_a_forward_depth_still_counts() -> None:
    names = [row.name for row in registered_rows(registered_only(), View(depth=1)).rows]
    assert names == ["Encoder", "embed", "layers"]
    assert len(registered_rows(registered_only(), View(expand=True)).rows) == len(registered_only().modules)


def test_without_a_forward_tied_weights_are_marked() -> None:
    run = Forward()
    run.module("embed", "Embedding", layer=True)
    run.module("head", "Linear", layer=True)
    run.parameter("embed.weight", 2, aliases=["head.weight"], used=None)
    listed = {row.name: row for row in registered_rows(run.report(), View()).rows}
    assert has(listed["embed"], TIED)
    assert has(listed["head"], TIED)
    assert not has(listed["Net"], TIED)


def test_a_saved_report_may_lack_what_later_versions_added() -> None:
    """Estimates, calls and parameters have defaults: a report without them is drawn all the same."""
    report = blocks()
    ops = tuple(replace(op, estimated_flops=None) for op in report.ops)
    totals = replace(report.totals, estimated_flops=None)
    older = replace(report, ops=ops, totals=totals)
    assert rows(older)["Encoder"].flops == rows(report)["Encoder"].flops
    assert not rows(older)["Encoder"].uncounted
    loose = replace(older, calls=(), parameters=())
    assert [row.name for row in ran_rows(loose, View(expand=True)).rows[:2]] == ["F.embed", "F.norm"]
