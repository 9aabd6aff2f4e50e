"""``modinspect diff``: two files, an exit code, and no torch."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from modinspect.report import ModelInfo, Report, Totals
from tests.cli.cli_helpers import Modinspect

NET = Report(ModelInfo("pkg:Net", "Net", False, "cpu", "real"), (), (), (), (), (), Totals(55, 55, 220, 0, 3, 2, 100, 0, 0))


@pytest.fixture
def reports(tmp_path: Path) -> tuple[str, str]:
    """The files of a report and of one with other totals."""
    before, after = tmp_path / "a.json", tmp_path / "b.json"
    before.write_text(json.dumps(NET.to_dict()))
    data = NET.to_dict()
    data["totals"]["flops"] = 90
    after.write_text(json.dumps(data))
    return str(before), str(after)


def test_equal_reports_end_with_0(modinspect: Modinspect, reports: tuple[str, str]) -> None:
    ran = modinspect("diff", reports[0], reports[0])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "- pkg:Net\n+ pkg:Net\n\nno difference\n"


def test_different_reports_end_with_1(modinspect: Modinspect, reports: tuple[str, str]) -> None:
    ran = modinspect("diff", *reports)
    assert (ran.code, ran.err) == (1, f"found: {reports[0]} and {reports[1]} differ: 1 changed\n")
    assert "FLOPs 100 → 90 (-10)" in ran.out
    assert ran.out.endswith("1 changed\n")


def test_json_goes_where_it_was_asked_to(modinspect: Modinspect, reports: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    ran = modinspect("diff", *reports, "--format", "json", "--output", str(out))
    found = f"found: {reports[0]} and {reports[1]} differ: 1 changed (report in {out})\n"
    assert (ran.code, ran.out, ran.err) == (1, "", found)
    (change,) = json.loads((tmp_path / "out.json").read_text())["changes"]
    assert (change["before"], change["after"]) == ({"flops": 100}, {"flops": 90})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "isn't valid JSON"),
        ("[" * 100_000, "Expected `object`, got `array`"),
        ("\xff\xfe", "isn't valid JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('{"schema_version": 99}', "schema_version 99"),
        ('{"schema_version": 1}', "Object missing required field `model`"),
    ],
    ids=["missing", "cut", "deep", "binary", "list", "other version", "empty"],
)
def test_a_file_that_is_no_report_is_said_to_be_none(
    modinspect: Modinspect, reports: tuple[str, str], tmp_path: Path, content: str | None, message: str
) -> None:
    odd = tmp_path / "odd.json"
    if content is not None:
        odd.write_bytes(content.encode("latin-1"))
    ran = modinspect("diff", reports[0], str(odd))
    assert ran.code == 2
    assert ran.out == ""
    assert message in ran.err
    assert "odd.json" in ran.err
    assert "Traceback" not in ran.err


def test_on_a_terminal_no_line_is_wider_and_in_a_pipe_each_change_is_one(
    modinspect: Modinspect, reports: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.loads(Path(reports[1]).read_text())
    data["totals"].update(params=60, ops=4, hidden_ops=3, param_bytes=240)
    Path(reports[1]).write_text(json.dumps(data))
    change = "  ~ params 55 → 60 (+5) · ops 3 → 4 (+1) · hidden ops 2 → 3 (+1) · FLOPs 100 → 90 (-10)"
    assert change in modinspect("diff", *reports).out.splitlines()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    lines = re.sub(r"\x1b\[[\d;]*m", "", modinspect("diff", *reports).out).splitlines()
    assert lines[4:6] == [
        "  ~ params 55 → 60 (+5) · ops 3 → 4 (+1)",
        "      · hidden ops 2 → 3 (+1) · FLOPs 100 → 90 (-10)",
    ]
