"""What stands around the table: the sums, torchinfo's beside them, the notes, and what went wrong."""

from __future__ import annotations

import pytest

from modinspect.render.table import View, table_text
from modinspect.report import CrossCheck, ForwardError, Input, OtherValue, Output, Report, StateTensor, Unregistered
from tests.data_helpers import replace
from tests.render.render_reports import Forward, at, awkward, blocks, example, failing, operand, registered_only


def text(report: Report, width: int = 120, view: View | None = None) -> str:
    return table_text(report, width, view or View(), "utf-8")


def line_with(report: Report, start: str) -> str:
    return next(line for line in text(report).splitlines() if line.startswith(start))


def with_model(report: Report, **changes: object) -> Report:
    return replace(report, model=replace(report.model, **changes))  # type: ignore[arg-type]


def test_the_head_says_what_was_run_how_and_on_what() -> None:
    head = text(with_model(awkward(), training=True, execution="real", device="cuda:0")).splitlines()[:3]
    assert head == ["demo.Awkward", "Awkward · train mode · cuda:0 · real run", "input  x (1, 10)"]


def test_many_inputs_are_counted_after_the_fourth() -> None:
    inputs = tuple(Input(f"x{index}", (1,), "float32") for index in range(6))
    assert line_with(replace(example(), inputs=inputs), "input") == "input  x0 (1,), x1 (1,), x2 (1,), x3 (1,) …+2"


@pytest.mark.parametrize(
    ("hidden_ops", "ops", "hidden_flops", "flops", "said"),
    [
        (2, 4, 30, 130, "2 of 4 ops and 23 % of the FLOPs are hidden from print(model)."),
        (2, 4, 0, 130, "2 of 4 ops and none of the FLOPs are hidden from print(model)."),
        (4, 4, 130, 130, "4 of 4 ops and all of the FLOPs are hidden from print(model)."),
        (1, 1, 0, 0, "1 of 1 op is hidden from print(model)."),
        (1, 2_000, 1, 10_000, "1 of 2,000 ops and <1 % of the FLOPs are hidden from print(model)."),
        (0, 4, 0, 130, "Nothing is hidden: print(model) names a layer for all 4 ops."),
        (0, 1, 0, 130, "Nothing is hidden: print(model) names a layer for the only op."),
    ],
)
def test_how_much_print_does_not_show(hidden_ops: int, ops: int, hidden_flops: int, flops: int, said: str) -> None:
    totals = replace(
        example().totals, ops=ops, hidden_ops=hidden_ops, flops=flops, hidden_flops=hidden_flops, estimated_flops=flops
    )
    assert said in text(replace(example(), totals=totals)).splitlines()


def test_hidden_work_that_is_only_estimated_counts_as_hidden() -> None:
    run = Forward()
    run.module("fc", "Linear", layer=True)
    with run.call("", (1,)):
        run.layer("fc", (1,), flops=50)
        run.op("torch.nn.functional.scaled_dot_product_attention", (1,), flops=None, estimated_flops=150)
    assert "1 of 2 ops and ≈75 % of the FLOPs are hidden from print(model)." in text(run.report())


def test_a_share_that_is_a_bound_is_not_marked_as_estimated_too() -> None:
    run = Forward()
    run.module("fc", "Linear", layer=True)
    with run.call("", (1,)):
        run.layer("fc", (1,), flops=100_000)
        run.op("torch.nn.functional.scaled_dot_product_attention", (1,), flops=None, estimated_flops=10)
    assert "1 of 2 ops and <1 % of the FLOPs are hidden from print(model)." in text(run.report())


def test_sums_are_exact_where_short_numbers_are_not() -> None:
    assert line_with(blocks(), "parameters") == "parameters  460,288 (all trainable, 1.76 MiB)"
    assert line_with(blocks(), "FLOPs") == "FLOPs       101 M (100,663,296) · 50.3 M (50,331,648) MACs"


def test_a_model_of_which_nothing_could_be_counted_has_no_zero() -> None:
    run = Forward()
    run.module("lstm", "LSTM", layer=True)
    with run.call("", (1,)):
        run.layer("lstm", (1,), flops=None)
    assert line_with(run.report(), "FLOPs") == "FLOPs       not known: no formula for F.lstm"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (CrossCheck("1.8.0", 55, 55, 65, 3), "55 parameters (same) · 65 mult-adds (same)"),
        (
            CrossCheck("1.8.0", 110, 110, 55, 3),
            "110 parameters (55 here) · 55 mult-adds (65 here: it counts biases, and no hidden ops)",
        ),
        (CrossCheck("1.8.0", 55, 55, None, 3), "55 parameters (same)"),
        (CrossCheck("1.8.0", None, None, None, None, "failed: KeyError"), "failed: KeyError"),
        (CrossCheck("1.8.0", 55, 55, None, 3, "no mult-adds"), "55 parameters (same): no mult-adds"),
    ],
)
def test_torchinfo_stands_beside_what_ran(check: CrossCheck, said: str) -> None:
    assert line_with(replace(example(), torchinfo=check), "torchinfo") == f"torchinfo   {said}"


def test_dtypes_and_buffers_that_are_not_saved_are_named() -> None:
    run = Forward()
    run.module("", "Net", params=6, param_bytes=12)
    weight = StateTensor("weight", (), (2, 3), "bfloat16", "cpu", 6, True, used=True)
    saved = StateTensor("mean", (), (4,), "float32", "cpu", 4, False, used=True)
    with run.call("", (1,)):
        pass
    report = run.report(parameters=(weight,), buffers=(saved, replace(saved, name="mask", persistent=False)))
    report = replace(report, totals=replace(report.totals, buffer_bytes=32))
    said = "parameters  6 (all trainable, bfloat16, 12 B) · buffers 32 B (1 of 2 not in state_dict)"
    assert line_with(report, "parameters") == said


def test_weights_that_quantized_modules_pack_are_named() -> None:
    packed = StateTensor("fc.weight", (), (4, 8), "qint8", "cpu", 32, False, used=None)
    line = line_with(replace(example(), packed=(packed,)), "packed")
    assert line == "packed      32 elements (qint8) in quantized modules · not counted as parameters"


def test_inputs_and_outputs_that_are_not_tensors_have_a_line() -> None:
    texts, image = OtherValue("texts", "list[str]", (3,), None), OtherValue("image", "PIL.Image", (8, 6, 3), "RGB")
    report = replace(example(), other_inputs=(texts, image), other_outputs=(OtherValue("labels", "str", None, None),))
    head = text(report).splitlines()[2:4]
    assert head == ["input  x (1, 10), texts list[str] (3,), image PIL.Image (8, 6, 3) RGB", "output labels str"]


def test_operands_on_two_devices_have_their_device() -> None:
    error = failing().error
    assert error is not None
    assert error.op is not None
    operands = (replace(error.op.inputs[0], device="cuda:0"), *error.op.inputs[1:])
    report = replace(failing(), error=replace(error, op=replace(error.op, inputs=operands)))
    assert "input   (1, 288) on cuda:0  from Tensor.view" in text(report)
    assert "weight  (5, 10) on cpu      from fc.weight" in text(report)


def test_without_torchinfo_nothing_is_said_of_it() -> None:
    assert "torchinfo" not in text(awkward())


def test_notes_are_told() -> None:
    noted = with_model(example(), notes=("the real run was done,\nas it had to be",))
    assert text(noted).endswith("note  the real run was done,\n      as it had to be\n")


def test_how_to_give_an_input_is_told_once() -> None:
    assert text(registered_only()).count("--input") == 2  # two examples
    told = with_model(registered_only(), notes=("no input: give one with --input, as in --input ids=1,8:int64",))
    assert "1,3,224,224" not in text(told)
    assert "Nothing was run: these are the registered modules only." in text(told)


def test_examples_beyond_the_sixth_are_counted_unless_all_is_asked_for() -> None:
    run = Forward()
    for index in range(9):
        run.parameters.append(StateTensor(f"w{'abcdefghi'[index]}", (), (1,), "float32", "cpu", 1, True, used=False))
    with run.call("", (1,)):
        pass
    assert "wf (1,)\n" in text(run.report())
    assert "wg (1,)" not in text(run.report())
    assert "… and 3 more" in text(run.report())
    assert "wi (1,)" in text(run.report(), view=View(expand=True))


def test_unregistered_modules_alike_share_a_line() -> None:
    run = Forward()
    for index in range(3):
        run.unregistered.append(Unregistered("module", f"layers[{index}]", "Linear", None, 20, at(7)))
        run.module(f"layers[{index}]", "Linear", registered=False, layer=True)
    with run.call("", (1,)):
        for index in range(3):
            run.layer(f"layers[{index}]", (1,))
    assert "layers[0–2] Linear: 20 parameters each at model.py:7\n" in text(run.report())


def test_a_shared_module_is_not_taken_for_two() -> None:
    run = Forward()
    run.module("a", "Linear", layer=True, aliases=("list.0",))
    run.module("list", "ModuleList")
    run.parameter("a.weight", 2, 2, aliases=["list.0.weight"])
    with run.call("", (1,)):
        run.layer("a", (1,))
    assert "never ran" not in text(run.report())
    assert "≡" not in text(run.report())


def test_unused_parameters_of_what_never_ran_are_told_once() -> None:
    assert "odd.scale (20,)" in text(awkward())
    assert "spares.0.weight" not in text(awkward())


def test_parameters_of_a_container_belong_to_the_module_around_it() -> None:
    run = Forward()
    run.module("odd", "Odd")
    run.module("odd.scales", "ParameterList", params=3)
    run.parameter("odd.scales.0", 3, used=False)
    run.parameter("odd.scales.1", 3, used=True)
    with run.call("", (1,)), run.call("odd", (1,)):
        run.op("torch.mul", (1,), inputs=(operand((3,), "param:odd.scales.1", "other"),))
    assert "ParameterList" not in text(run.report())
    assert "odd.scales.0 (3,)" in text(run.report())
    assert "odd.scales.1 (3,)" not in text(run.report())
    assert next(line for line in text(run.report()).splitlines() if "odd  Odd" in line).startswith("∅")


def test_a_failure_comes_last_with_the_sentence_the_code_the_operands_and_torchs_own_message() -> None:
    panel = text(failing(), 80).split("╭")[1]
    said = [line.strip("│ ") for line in panel.splitlines()]
    assert said[0].startswith("─ ✗ RuntimeError in fc (Linear) ─")
    assert [line for line in said[1:-1] if line] == [
        "fc expects 10 features, got 288 from view at model.py:31",
        "model.py:32 in Net.forward",
        "return self.fc(x)",
        "F.linear got",
        "input   (1, 288)  from Tensor.view",
        "weight  (5, 10)   from fc.weight",
        "bias    (5,)      from fc.bias",
        "mat1 and mat2 shapes cannot be multiplied (1x288 and 10x5)",
    ]


def test_a_failure_without_an_op_marks_the_module_that_raised() -> None:
    run = Forward()
    run.module("inner", "Inner")
    with run.call(""), run.call("inner", line=9):
        pass
    report = run.report(error=ForwardError("ValueError", "", "inner", at(4, code="raise ValueError")))
    inner = next(line for line in text(report).splitlines() if "inner  Inner" in line)
    assert inner.startswith("✗")
    assert "ValueError in inner (Inner)" in text(report)
    assert "(no message)" in text(report)


def test_a_module_that_raised_before_it_called_anything_shows_what_it_got() -> None:
    run = Forward()
    run.module("inner", "Inner")
    with run.call(""):
        run.op("torch.cat", (1, 8))
        with run.call("inner", line=9):
            pass
    (root, inner) = run.report().calls
    inner = replace(inner, inputs=(Output("0", (1, 8), "float32", "op:0"), Output("mask", (8,), "bool", "input:0")))
    error = ForwardError("ValueError", "too wide", "inner", at(4, code="raise ValueError"))
    shown = text(replace(run.report(error=error), calls=(root, inner)))
    said = [line.strip("│ ") for line in shown.split("╭")[1].splitlines()]
    assert said[said.index("inner got") + 1 :][:2] == ["0     (1, 8)     from torch.cat", "mask  (8,) bool  from input x"]


def test_a_failure_before_anything_ran_shows_the_registered_half_and_the_failure() -> None:
    error = ForwardError("TypeError", "forward() missing 1 argument", "", None)
    report = replace(registered_only(), error=error)
    assert "0–11  Block ×12" in text(report)
    assert "TypeError in Encoder" in text(report)
    assert "forward() missing 1 argument" in text(report)


def test_a_long_message_is_whole() -> None:
    words = [f"word{index}" for index in range(200)]
    error = replace(failing().error, message=" ".join(words))  # type: ignore[type-var]
    shown = text(replace(failing(), error=error), 60).split("╭")[1]
    assert [word for word in shown.replace("│", " ").split() if word.startswith("word")] == words
