"""The data model: how it is made, written and read, and what is said of data that is no report."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from modinspect import report as data_model
from modinspect.errors import ReportError
from modinspect.report import ForwardError, Input, Op, Operand, Output, Report, Result, Source, index_of
from tests.render.render_reports import example

QUICK = [data_model.Output, Operand, Result, Op, data_model.Call, data_model.ModuleInfo, data_model.StateTensor]


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


@pytest.mark.parametrize("cls", QUICK)
def test_what_is_quick_to_make_takes_the_fields_in_order_with_their_defaults(cls: type) -> None:
    fields = dataclasses.fields(cls)
    parameters = list(inspect.signature(cls).parameters.values())
    assert [p.name for p in parameters] == [f.name for f in fields]
    for parameter, field in zip(parameters, fields, strict=True):
        if field.default is not dataclasses.MISSING:
            assert parameter.default is field.default
        else:
            required = field.default_factory is dataclasses.MISSING
            assert parameter.default is (inspect.Parameter.empty if required else None)
    made = cls(*range(len(fields)))
    assert [getattr(made, f.name) for f in fields] == list(range(len(fields)))
    assert cls.__init__.__qualname__ == f"{cls.__name__}.__init__"
    with pytest.raises(TypeError, match=rf"{cls.__name__}.__init__\(\) missing"):
        cls()


DEFAULTS: dict[type, dict[str, object]] = {
    Source: {"code": None},
    data_model.ModelInfo: {"notes": ()},
    Input: {},
    Output: {"origin": None},
    Operand: {"origin": None, "argument": ""},
    Result: {},
    Op: {"aten": (), "arguments": {}, "mutates": (), "estimated_flops": None, "kept": None},
    data_model.Call: {},
    data_model.ModuleInfo: {"uncounted_ops": 0, "training": False, "extra_repr": "", "aliases": ()},
    data_model.StateTensor: {},
    data_model.Unregistered: {"dtype": None, "role": "", "module": ""},
    data_model.Totals: {"estimated_flops": None},
    data_model.CrossCheck: {"note": None},
    ForwardError: {"op": None, "sentence": None, "traceback": ""},
    Report: {"error": None, "calls": (), "parameters": (), "buffers": (), "torchinfo": None},
}


@pytest.mark.parametrize("cls", DEFAULTS)
def test_what_is_not_given_is_not_known_or_none_at_all(cls: type) -> None:
    given = {f.name: 1 for f in dataclasses.fields(cls) if f.name not in DEFAULTS[cls]}
    made = cls(**given)
    assert {f.name: getattr(made, f.name) for f in dataclasses.fields(cls)} == {**given, **DEFAULTS[cls]}
    keys = {"class_name": "class", "origin": "from"}
    assert {f.name: f.metadata.get("key", f.name) for f in dataclasses.fields(cls)} == {
        f.name: keys.get(f.name, f.name) for f in dataclasses.fields(cls)
    }


def test_each_op_has_arguments_of_its_own() -> None:
    one, two = an_op(), an_op()
    assert one.arguments == two.arguments == {}
    assert one.arguments is not two.arguments
    given = {"dim": 1}
    assert an_op(arguments=given).arguments is given


def test_data_can_not_be_written_to() -> None:
    for made in (an_op(), Source("a.py", 1, "f"), example()):
        name = dataclasses.fields(made)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
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
    nothing = dataclasses.replace(example(), calls=(), ops=())
    assert not nothing.ran
    assert dataclasses.replace(nothing, calls=example().calls).ran
    assert dataclasses.replace(nothing, ops=example().ops).ran
    assert dataclasses.replace(nothing, error=ForwardError("ValueError", "no", "", None)).ran


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
    report = dataclasses.replace(example(), ops=(op,), calls=(), outputs=(Output("", (1,), "float32", "op:0"),))
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
            "inputs": [{"shape": [2, None], "dtype": "float32", "from": "input:0", "argument": "x"}],
            "outputs": [{"shape": None, "dtype": "int64"}],
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
        (None, "ops", "report"),
        ("model", "class", "report.model"),
        ("totals", "params", "report.totals"),
    ]:
        lacking = data()
        del (lacking if step is None else lacking[step])[key]
        wrong = complaint(lacking)
        assert wrong.message == f"{where} lacks the key {key!r}"
        assert wrong.hint == "The file is no whole report; make it again."


def test_arguments_are_a_copy_of_what_was_read() -> None:
    given = data()
    given["ops"][0]["arguments"] = {"dim": 1}
    read = Report.from_dict(given).ops[0].arguments
    assert read == {"dim": 1}
    assert read is not given["ops"][0]["arguments"]


@pytest.mark.parametrize("nothing", [None, 3, "x", [], ["schema_version"], {}, {"model": {}}])
def test_what_has_no_version_is_no_report_and_how_to_save_one_is_said(nothing: object) -> None:
    wrong = complaint(nothing)
    assert wrong.message == "this is no modinspect report: the key 'schema_version' is missing"
    assert wrong.hint == "Save one with: modinspect show TARGET --format json --output report.json"


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_not_read(version: object) -> None:
    wrong = complaint(data(schema_version=version))
    assert wrong.message == f"the report has schema_version {version!r}, this modinspect reads 1"
    assert wrong.hint == "Make the report again with this version."


LONG, LONGER = "x" * 58, "x" * 59  # 60 and 61 characters with their quotes


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["model"], 3, "report.model should be an object, found 3"),
        (["model", "target"], None, "report.model.target should be str, found None"),
        (["model", "training"], 1, "report.model.training should be bool, found 1"),
        (["model", "execution"], "?", "report.model.execution should be one of ('weightless', 'real'), found '?'"),
        (["inputs"], {}, "report.inputs should be a list, found {}"),
        (["inputs"], "x", "report.inputs should be a list, found 'x'"),
        (["inputs", 0, "shape", 1], "a", "report.inputs[0].shape[1] should be int, found 'a'"),
        (["inputs", 0, "shape"], LONG, f"report.inputs[0].shape should be a list, found '{LONG}'"),
        (["inputs", 0, "shape"], LONGER, "report.inputs[0].shape should be a list, found str"),
        (["inputs", 0, "name"], None, "report.inputs[0].name should be str, found None"),
        (["ops", 1, "index"], True, "report.ops[1].index should be int, found True"),
        (["ops", 1, "flops"], False, "report.ops[1].flops should be int, found False"),
        (["ops", 1, "flops"], 1.5, "report.ops[1].flops should be int, found 1.5"),
        (["ops", 1, "kept"], 0, "report.ops[1].kept should be bool, found 0"),
        (["ops", 1, "arguments"], [], "report.ops[1].arguments should be an object, found []"),
        (["ops", 3, "inputs", 0, "from"], 1, "report.ops[3].inputs[0].from should be str, found 1"),
        (["error"], "x", "report.error should be an object, found 'x'"),
    ],
)
def test_what_is_of_another_type_is_said_with_its_place(path: list[str | int], value: object, message: str) -> None:
    wrong = complaint(replaced(data(), path, value))
    assert wrong.message == message
    assert wrong.hint == "The file is no whole report; make it again."


def test_sizes_and_shapes_may_be_unknown() -> None:
    read = Report.from_dict(replaced(replaced(data(), ["inputs", 0, "shape", 1], None), ["outputs", 0, "shape"], None))
    assert read.inputs == (Input("x", (1, None), "float32"),)
    assert read.outputs[0].shape is None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["ops", 1, "index"], 2, "report.ops[1].index should be 1, its place, found 2"),
        (["calls", 1, "index"], 0, "report.calls[1].index should be 1, its place, found 0"),
        (["calls", 1, "parent"], 1, "report.calls[1].parent should be null or the place of a call before it, found 1"),
        (["calls", 1, "parent"], -1, "report.calls[1].parent should be null or the place of a call before it, found -1"),
        (["calls", 0, "start"], -1, "report.calls[0].start should be from 0 to 4, found -1"),
        (["calls", 0, "start"], 5, "report.calls[0].start should be from 0 to 4, found 5"),
        (["calls", 0, "stop"], 5, "report.calls[0].stop should be from 0 to 4, found 5"),
        (["calls", 2, "stop"], 0, "report.calls[2].stop should be from 1 to 4, found 0"),
        (["calls", 2, "stop"], 5, "report.calls[2].stop should be from 1 to 4, found 5"),
    ],
)
def test_a_place_that_is_not_there_is_said_with_those_that_are(path: list[str | int], value: object, message: str) -> None:
    assert complaint(replaced(data(), path, value)).message == message


def test_a_call_lies_inside_the_one_around_it() -> None:
    inside = [(None, 0, 4), (0, 1, 3), (1, 1, 3)]
    for index, (start, stop), message in [
        (2, (1, 1), None),
        (2, (3, 3), None),
        (2, (1, 3), None),
        (2, (0, 3), "report.calls[2].start should be from 1 to 3, found 0"),
        (2, (4, 4), "report.calls[2].start should be from 1 to 3, found 4"),
        (2, (2, 4), "report.calls[2].stop should be from 2 to 3, found 4"),
        (2, (2, 1), "report.calls[2].stop should be from 2 to 3, found 1"),
        (1, (4, 4), "report.calls[2].start should be from 4 to 4, found 1"),
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
            assert complaint(data(calls=calls)).message == message
