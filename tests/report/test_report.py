"""The data model: how it is made, written and read, and what is said of data that is no report."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from modinspect import report as data_model
from modinspect.errors import ReportError
from modinspect.report import ForwardError, Input, Op, Operand, Output, Report, Result, Source, index_of
from tests.data_helpers import replace
from tests.render.render_reports import example


def an_op(**facts: Any) -> Op:
    given = {
        "index": 0, "name": "torch.tanh", "kind": "compute", "hidden": True, "module": "", "call": 0,
        "inputs": (), "outputs": (), "flops": 0, "source": None,
    }  # fmt: skip
    return Op(**{**given, **facts})


def data(**changes: Any) -> dict[str, Any]:
    """The JSON form of the example: 4 ops; calls of the model (ops 0 to 4), of ``fc`` (0 to 1) and of ``relu`` (1 to 2)."""
    return {**example().to_dict(), **changes}


def replaced(value: Any, path: list[str | int], new: object) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def complaint(wrong: object) -> ReportError:
    with pytest.raises(ReportError) as caught:
        Report.from_dict(wrong)
    return caught.value


# ---- made


DEFAULTS: dict[type, dict[str, object]] = {
    Source: {"code": None},
    data_model.ModelInfo: {"notes": ()},
    Input: {},
    Output: {"origin": None},
    Operand: {"origin": None, "argument": "", "device": None},
    Result: {"device": None},
    Op: {"aten": (), "arguments": {}, "mutates": (), "estimated_flops": None, "kept": None},
    data_model.Call: {},
    data_model.ModuleInfo: {"uncounted_ops": 0, "training": False, "extra_repr": "", "aliases": ()},
    data_model.StateTensor: {"persistent": True},
    data_model.OtherValue: {},
    data_model.Unregistered: {"dtype": None, "role": "", "module": ""},
    data_model.Totals: {"estimated_flops": None},
    data_model.CrossCheck: {"note": None},
    ForwardError: {"op": None, "sentence": None, "traceback": ""},
    Report: {
        "error": None,
        "calls": (),
        "parameters": (),
        "buffers": (),
        "torchinfo": None,
        "packed": (),
        "other_inputs": (),
        "other_outputs": (),
    },
}


def fields_of(cls: type) -> dict[str, str]:
    """The JSON key of each field."""
    if dataclasses.is_dataclass(cls):
        return {f.name: f.name for f in dataclasses.fields(cls)}
    return {f.name: f.encode_name for f in msgspec.structs.fields(cls)}


@pytest.mark.parametrize("cls", DEFAULTS)
def test_what_is_not_given_is_not_known_or_none_at_all(cls: type) -> None:
    given = {name: 1 for name in fields_of(cls) if name not in DEFAULTS[cls]}
    made = cls(**given)
    assert {name: getattr(made, name) for name in fields_of(cls)} == {**given, **DEFAULTS[cls]}
    keys = {"class_name": "class", "origin": "from"}
    assert fields_of(cls) == {name: keys.get(name, name) for name in fields_of(cls)}


def test_each_op_has_arguments_of_its_own() -> None:
    one, two = an_op(), an_op()
    assert one.arguments == two.arguments == {}
    assert one.arguments is not two.arguments
    given = {"dim": 1}
    assert an_op(arguments=given).arguments is given


def test_data_can_not_be_written_to() -> None:
    for made in (an_op(), Source("a.py", 1, "f"), example()):
        name = next(iter(fields_of(type(made))))
        with pytest.raises(AttributeError):
            setattr(made, name, 1)


def later(make: Callable[[], Report]) -> Report:
    return Report.made_later(make, model=example().model, inputs=example().inputs)


def test_a_report_made_later_is_made_once_when_it_is_first_asked_for_something() -> None:
    made = []

    def make() -> Report:
        made.append(1)
        return example()

    report = later(make)
    assert (report.model, report.inputs) == (example().model, example().inputs)
    assert not hasattr(report, "__array__")
    assert made == []
    assert report.ops == example().ops
    assert report.totals == example().totals
    assert made == [1]
    assert report == example()
    assert vars(report) == vars(example())


def test_what_a_report_does_not_have_is_an_attribute_error_made_or_not() -> None:
    for report in (example(), later(example)):
        for name in ("nothing", "__nothing__"):
            with pytest.raises(AttributeError) as caught:
                getattr(report, name)
            assert str(caught.value) == f"'Report' object has no attribute '{name}'"


def test_a_report_made_later_is_copied_and_pickled_as_a_whole() -> None:
    assert later(example).__getstate__() == vars(example())
    assert pickle.loads(pickle.dumps(later(example))) == copy.copy(later(example)) == example()


def test_a_forward_was_started_where_there_is_a_call_an_op_or_an_error() -> None:
    nothing = replace(example(), calls=(), ops=())
    assert not nothing.ran
    assert replace(nothing, calls=example().calls).ran
    assert replace(nothing, ops=example().ops).ran
    assert replace(nothing, error=ForwardError("ValueError", "no", "", None)).ran


def test_a_report_prints_as_the_table() -> None:
    from modinspect.render.table import table_text

    assert str(example()) == table_text(example())


@pytest.mark.parametrize(
    ("origin", "kind", "index"),
    [
        ("op:12", "op", 12),
        ("op:0", "op", 0),
        ("unregistered:3", "unregistered", 3),
        ("op:12", "unregistered", None),
        ("param:fc.weight", "param", None),
        ("op:1:2", "op", None),
        ("op:" + "1" * 18, "op", 111_111_111_111_111_111),
        ("op:" + "1" * 19, "op", None),
        ("op:", "op", None),
        ("", "op", None),
        (None, "op", None),
        ("op:12x", "op", None),
    ],
)
def test_the_index_of_an_origin_is_its_number_if_it_is_of_that_kind(origin: str | None, kind: str, index: int | None) -> None:
    assert index_of(origin, kind) == index


# ---- written


def test_the_json_form_is_of_lists_and_dicts_under_the_keys_of_the_contract() -> None:
    op = an_op(
        inputs=(Operand((2, None), "float32", "input:0", "x"),),
        outputs=(Result(None, "int64"),),
        arguments={"dim": [1, {"a": (2, 3)}]},
        source=Source("net.py", 3, "f"),
    )
    report = replace(example(), ops=(op,), calls=(), outputs=(Output("", (1,), "float32", "op:0"),))
    written = report.to_dict()
    assert next(iter(written.items())) == ("schema_version", 1)
    assert written["model"] == {
        "target": "modinspect.examples.MyModel", "class": "MyModel", "training": False, "device": "cpu",
        "execution": "weightless", "notes": [],
    }  # fmt: skip
    assert written["outputs"] == [{"path": "", "shape": [1], "dtype": "float32", "from": "op:0"}]
    assert written["ops"] == [
        {
            "index": 0, "name": "torch.tanh", "kind": "compute", "hidden": True, "module": "", "call": 0,
            "inputs": [{"shape": [2, None], "dtype": "float32", "from": "input:0", "argument": "x", "device": None}],
            "outputs": [{"shape": None, "dtype": "int64", "device": None}],
            "flops": 0, "source": {"file": "net.py", "line": 3, "function": "f", "code": None}, "aten": [],
            "arguments": {"dim": [1, {"a": [2, 3]}]}, "mutates": [], "estimated_flops": None, "kept": None,
        }
    ]  # fmt: skip
    assert written["error"] is None


# ---- read


def test_tuples_are_read_as_lists_are_and_unknown_keys_are_passed_over() -> None:
    wrapped = data(inputs=({"name": "x", "shape": (1, 10), "dtype": "float32", "later": 3},), later=[1])
    assert Report.from_dict(wrapped) == example()


def test_keys_with_a_default_may_be_missing_and_others_not() -> None:
    short = data()
    del short["torchinfo"], short["model"]["notes"], short["ops"][0]["arguments"]
    read = Report.from_dict(short)
    assert (read.torchinfo, read.model.notes, read.ops[0].arguments) == (None, (), {})
    for step, key, where in [
        (None, "ops", ""),
        ("model", "class", " - at `$.model`"),
        ("totals", "params", " - at `$.totals`"),
    ]:
        lacking = data()
        del (lacking if step is None else lacking[step])[key]
        wrong = complaint(lacking)
        assert wrong.message == f"not a whole report: Object missing required field `{key}`{where}"
        assert wrong.hint == "The file is damaged or incomplete. Make the report again."


def test_arguments_are_a_copy_of_what_was_read() -> None:
    given = data()
    given["ops"][0]["arguments"] = {"dim": 1}
    read = Report.from_dict(given).ops[0].arguments
    assert read == {"dim": 1}
    assert read is not given["ops"][0]["arguments"]


@pytest.mark.parametrize("nothing", [None, 3, "x", [], ["schema_version"], {}, {"model": {}}])
def test_what_has_no_version_is_no_report_and_how_to_save_one_is_said(nothing: object) -> None:
    wrong = complaint(nothing)
    assert wrong.message == "this isn't a modinspect report: the key 'schema_version' is missing"
    assert wrong.hint == "Save one with: modinspect show TARGET --format json --output report.json"


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_not_read(version: object) -> None:
    wrong = complaint(data(schema_version=version))
    assert wrong.message == f"the report has schema_version {version!r}, this modinspect reads 1"
    assert wrong.hint == "Make the report again with this version."


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["model"], 3, "Expected `object`, got `int` - at `$.model`"),
        (["model", "target"], None, "Expected `str`, got `null` - at `$.model.target`"),
        (["model", "training"], 1, "Expected `bool`, got `int` - at `$.model.training`"),
        (["model", "execution"], "?", "Invalid enum value '?' - at `$.model.execution`"),
        (["inputs"], {}, "Expected `array`, got `object` - at `$.inputs`"),
        (["inputs"], "x", "Expected `array`, got `str` - at `$.inputs`"),
        (["inputs", 0, "shape", 1], "a", "Expected `int | null`, got `str` - at `$.inputs[0].shape[1]`"),
        (["inputs", 0, "name"], None, "Expected `str`, got `null` - at `$.inputs[0].name`"),
        (["ops", 1, "index"], True, "Expected `int`, got `bool` - at `$.ops[1].index`"),
        (["ops", 1, "flops"], False, "Expected `int | null`, got `bool` - at `$.ops[1].flops`"),
        (["ops", 1, "flops"], 1.5, "Expected `int | null`, got `float` - at `$.ops[1].flops`"),
        (["ops", 1, "kept"], 0, "Expected `bool | null`, got `int` - at `$.ops[1].kept`"),
        (["ops", 1, "arguments"], [], "Expected `object`, got `array` - at `$.ops[1].arguments`"),
        (["ops", 3, "inputs", 0, "from"], 1, "Expected `str | null`, got `int` - at `$.ops[3].inputs[0].from`"),
        (["error"], "x", "Expected `object | null`, got `str` - at `$.error`"),
    ],
)
def test_what_is_of_another_type_is_said_with_its_place(path: list[str | int], value: object, message: str) -> None:
    wrong = complaint(replaced(data(), path, value))
    assert wrong.message == f"not a whole report: {message}"
    assert wrong.hint == "The file is damaged or incomplete. Make the report again."


def test_sizes_and_shapes_may_be_unknown() -> None:
    read = Report.from_dict(replaced(replaced(data(), ["inputs", 0, "shape", 1], None), ["outputs", 0, "shape"], None))
    assert read.inputs == (Input("x", (1, None), "float32"),)
    assert read.outputs[0].shape is None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["ops", 1, "index"], 2, "expected 1, got 2 - at `$.ops[1].index`"),
        (["calls", 1, "index"], 0, "expected 1, got 0 - at `$.calls[1].index`"),
        (["calls", 1, "parent"], 1, "expected null or the index of a call before it, got 1 - at `$.calls[1].parent`"),
        (["calls", 1, "parent"], -1, "Expected `int` >= 0 - at `$.calls[1].parent`"),
        (["calls", 0, "start"], -1, "Expected `int` >= 0 - at `$.calls[0].start`"),
        (["calls", 0, "start"], 5, "expected from 0 to 4, got 5 - at `$.calls[0].start`"),
        (["calls", 0, "stop"], 5, "expected from 0 to 4, got 5 - at `$.calls[0].stop`"),
        (["calls", 2, "stop"], 0, "expected from 1 to 4, got 0 - at `$.calls[2].stop`"),
        (["calls", 2, "stop"], 5, "expected from 1 to 4, got 5 - at `$.calls[2].stop`"),
    ],
)
def test_a_place_that_is_not_there_is_said_with_those_that_are(path: list[str | int], value: object, message: str) -> None:
    assert complaint(replaced(data(), path, value)).message == f"not a whole report: {message}"


def test_a_call_lies_inside_the_one_around_it() -> None:
    inside = [(None, 0, 4), (0, 1, 3), (1, 1, 3)]
    for index, (start, stop), message in [
        (2, (1, 1), None),
        (2, (3, 3), None),
        (2, (1, 3), None),
        (2, (0, 3), "expected from 1 to 3, got 0 - at `$.calls[2].start`"),
        (2, (4, 4), "expected from 1 to 3, got 4 - at `$.calls[2].start`"),
        (2, (2, 4), "expected from 2 to 3, got 4 - at `$.calls[2].stop`"),
        (2, (2, 1), "expected from 2 to 3, got 1 - at `$.calls[2].stop`"),
        (1, (4, 4), "expected from 4 to 4, got 1 - at `$.calls[2].start`"),
    ]:
        ranges = [*inside]
        ranges[index] = (ranges[index][0], start, stop)
        calls = [
            {**call, "parent": parent, "start": first, "stop": last}
            for call, (parent, first, last) in zip(data()["calls"], ranges, strict=True)
        ]
        if message is None:
            assert Report.from_dict(data(calls=calls)).calls[index].stop == stop
        else:
            assert complaint(data(calls=calls)).message == f"not a whole report: {message}"


# ---- text


def test_a_report_is_the_same_after_being_written_as_json_and_read_back() -> None:
    text = example().to_json()
    assert Report.from_json(text) == example()
    assert json.loads(text) == example().to_dict()
    assert text.isascii()


def test_text_that_msgspec_can_not_write_goes_through_the_standard_library() -> None:
    odd = an_op(index=0, name="torch.\ud800é", arguments={"low": float("-inf"), "same": [float("nan"), 1.5]})
    report = replace(example(), ops=(odd,), calls=())
    text = report.to_json()
    assert text.isascii()
    read = Report.from_json(text)
    assert read.ops[0].name == odd.name
    assert read.ops[0].arguments == {"low": "-Infinity", "same": ["NaN", 1.5]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this isn't valid JSON: Expecting property name"),
        ("[" * 100_000, "not a whole report: Expected `object`, got `array`"),
        ("[]", "not a whole report: Expected `object`, got `array`"),
        ("{}", "this isn't a modinspect report: the key 'schema_version' is missing"),
        ('{"schema_version": 2}', "the report has schema_version 2, this modinspect reads 1"),
        ('{"schema_version": 1}', "not a whole report: Object missing required field `model`"),
        (
            json.dumps(data(totals={**data()["totals"], "flops": 10**400})),
            "not a whole report: expected a number of FLOPs, got one that no model has - at `$.totals`",
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text: str, message: str) -> None:
    with pytest.raises(ReportError) as caught:
        Report.from_json(text)
    assert caught.value.message.startswith(message)
