from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from modinspect.linter.catalog import CATALOG
from modinspect.linter.rule import HEADINGS
from tests.cli.cli_helpers import Modinspect


def test_all_rules_are_listed(modinspect: Modinspect) -> None:
    ran = modinspect("explain")
    assert (ran.code, ran.err) == (0, "")
    for rule in CATALOG:
        assert any(line.split()[:3] == [rule.id, rule.name, rule.severity] for line in ran.out.splitlines())


@pytest.mark.parametrize("name", ["MI001", "mi001", "unused-suppression"])
def test_a_rule_is_found_by_id_and_by_name(modinspect: Modinspect, name: str) -> None:
    ran = modinspect("explain", name)
    assert (ran.code, ran.err) == (0, "")
    lines = [line.strip() for line in ran.out.splitlines()]
    assert lines[0] == "MI001 unused-suppression"
    assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
    assert "\x1b" not in ran.out


def test_a_page_sets_no_background_and_is_not_wider_than_can_be_read(
    modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")
    page = modinspect("explain", "MI103").out
    codes = {code for found in re.findall(r"\x1b\[([\d;]*)m", page) for code in found.split(";")}
    assert {"1", "36"} <= codes
    assert not codes & {"40", "41", "42", "43", "44", "45", "46", "47", "48", "100", "107"}
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", page).splitlines())) <= 100


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_the_page(modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, modinspect("explain").out.splitlines())) <= width


def test_the_page_is_there_in_markdown_and_as_data(modinspect: Modinspect) -> None:
    markdown = modinspect("explain", "MI001", "--format", "markdown").out
    assert markdown.startswith("# MI001 unused-suppression\n\nA `# modinspect: ignore")
    data = json.loads(modinspect("explain", "MI001", "--format", "json").out)
    assert (data["id"], data["name"], data["severity"]) == ("MI001", "unused-suppression", "warning")
    assert data["page"].partition("\n")[2].strip() in markdown
    assert len(json.loads(modinspect("explain", "--format", "json").out)) == len(CATALOG)
    assert modinspect("explain", "--format", "markdown").out.count("](MI") == len(CATALOG)


def test_a_rule_that_there_is_not_is_an_error(modinspect: Modinspect) -> None:
    ran = modinspect("explain", "unused-supression")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'unused-suppression'?" in ran.err


@pytest.mark.process
def test_nothing_is_imported_that_takes_long() -> None:
    code = (
        "import sys; from modinspect.cli.app import run; run(['explain', 'MI103', '--output', '/dev/null']); "
        "print([name for name in ('torch', 'torchinfo', 'numpy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "[]\n"
