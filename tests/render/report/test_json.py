"""The JSON of a report: all of it, in order, whatever it holds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from modinspect.render import REPORT_FORMATS, find_format
from modinspect.render.report.json import render as render_json
from modinspect.render.table import View
from modinspect.report import Report
from tests.data_helpers import replace
from tests.render.render_reports import (
    HOSTILE,
    awkward,
    blocks,
    example,
    failing,
    hostile,
    hostile_not_run,
    hostile_to_the_end,
    registered_only,
)

REPORTS = [example, blocks, awkward, failing, registered_only, hostile, hostile_to_the_end, hostile_not_run]


@pytest.mark.parametrize("make", REPORTS, ids=lambda make: make.__name__)
def test_reading_it_back_gives_the_report(make: Callable[[], Report]) -> None:
    assert Report.from_dict(json.loads(render_json(make()))) == make()


def test_keys_stand_in_the_order_of_the_fields_and_the_text_ends_in_a_line_break() -> None:
    text = render_json(example())
    assert list(json.loads(text)) == list(example().to_dict())
    assert text.startswith('{\n  "schema_version": 1,\n  "model": {')
    assert text.endswith("\n}\n")


def test_each_op_module_and_call_has_a_line_of_its_own() -> None:
    report = blocks(200)
    lines = render_json(report).splitlines()
    ops = lines[lines.index('  "ops": [') + 1 :][: len(report.ops)]
    assert [json.loads(line.strip().rstrip(","))["index"] for line in ops] == [op.index for op in report.ops]
    assert len(lines) == sum(
        len(part) + 2 if part else 1
        for part in (
            *(report.inputs, report.outputs, report.modules, report.ops, report.unregistered, report.calls),
            *(report.parameters, report.buffers, report.packed, report.other_inputs, report.other_outputs),
        )
    ) + len(["{", "}", "schema_version", "model", "totals", "error", "torchinfo"])


def test_it_is_ascii_so_that_every_console_and_file_takes_it() -> None:
    text = render_json(hostile())
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["model"]["class"] == HOSTILE


def test_numbers_that_json_has_no_word_for_are_words() -> None:
    report = example()
    arguments = {"fill": math.inf, "low": [-math.inf, math.nan], "p": 0.5}
    op = replace(report.ops[0], arguments=arguments)
    text = render_json(replace(report, ops=(op, *report.ops[1:])))

    def no_constants(name: str) -> None:
        raise AssertionError(name)

    written = json.loads(text, parse_constant=no_constants)["ops"][0]["arguments"]
    assert written == {"fill": "Infinity", "low": ["-Infinity", "NaN"], "p": 0.5}


def test_the_formats_are_the_table_the_json_and_the_page() -> None:
    assert [known.name for known in REPORT_FORMATS] == ["text", "json", "html", "markdown", "csv"]
    assert find_format(REPORT_FORMATS, "json").render(example(), View(depth=0)) == render_json(example())
    assert "hidden from print(model)" in find_format(REPORT_FORMATS, "text").render(example(), View())
