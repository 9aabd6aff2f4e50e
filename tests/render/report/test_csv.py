"""CSV: a row for each module and each op, that programs read and spreadsheets don't run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from modinspect.render.report import csv as report_csv
from modinspect.report import Report
from tests.data_helpers import replace
from tests.render.render_reports import (
    Forward,
    awkward,
    blocks,
    example,
    failing,
    hostile,
    hostile_not_run,
    hostile_to_the_end,
    registered_only,
)


def rows_of(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report_csv.render(report))))


def test_modules_come_first_then_ops() -> None:
    assert report_csv.render(example()) == (
        "row,index,module,name,kind,hidden,calls,settings,inputs,outputs,params,trainable_params,param_bytes,flops,"
        "estimated_flops,file,line\n"
        "module,,,MyModel,module,false,1,,,,55,55,220,0,,,\n"
        'module,,fc,Linear,layer,false,1,"in_features=10, out_features=5, bias=True",,,55,55,220,0,,,\n'
        "module,,relu,ReLU,layer,false,1,,,,0,0,0,0,,,\n"
        'op,0,fc,torch.nn.functional.fc,compute,false,,,,"(1, 5) float32",,,,100,100,model.py,20\n'
        'op,1,relu,torch.nn.functional.relu,compute,false,,,,"(1, 5) float32",,,,0,0,model.py,21\n'
        'op,2,,torch.rand,create,true,,,,"(3, 5) float32",,,,0,0,model.py,22\n'
        'op,3,,torch.nn.functional.linear,compute,true,,,"(1, 5) float32; (3, 5) float32","(1, 3) float32",,,,30,30,'
        "model.py,22\n"
    )


def test_what_is_not_known_is_empty() -> None:
    head = rows_of(awkward())[-1]
    assert (head["name"], head["flops"], head["estimated_flops"]) == ("torch.nn.functional.head", "", "")


def test_unregistered_modules_are_hidden() -> None:
    hidden = [row["module"] for row in rows_of(awkward()) if row["row"] == "module" and row["hidden"] == "true"]
    assert hidden == ["lone[0]"]


@pytest.mark.parametrize(
    "make",
    [example, blocks, awkward, failing, registered_only, hostile, hostile_to_the_end, hostile_not_run],
    ids=lambda make: make.__name__,
)
def test_each_row_is_one_line_with_a_value_for_each_column(make: Callable[[], Report]) -> None:
    report = make()
    text = report_csv.render(report)
    assert len(text.splitlines()) == 1 + len(report.modules) + len(report.ops)
    assert {len(row) for row in csv.reader(io.StringIO(text))} == {len(report_csv.COLUMNS)}
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_name_is_a_formula(name: str) -> None:
    run = Forward()
    run.module("a", name)
    assert rows_of(run.report())[1]["name"] == f"'{name}"


def test_the_columns_are_documented() -> None:
    described = report_csv.__doc__ or ""
    assert [name for name in report_csv.COLUMNS if f"``{name}``" not in described] == []


def test_settings_keep_their_commas() -> None:
    report = replace(example(), ops=())
    assert rows_of(report)[1]["settings"] == "in_features=10, out_features=5, bias=True"
