"""What is accepted stays accepted while the code around it changes, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modinspect.errors import ConfigError
from modinspect.findings import Finding, accept, baseline_text, fingerprinted, read_baseline
from tests.data_helpers import replace
from tests.linter.lint_samples import finding


def round_trip(tmp_path: Path, *known: Finding) -> frozenset[object]:
    file = tmp_path / "baseline.json"
    file.write_text(baseline_text(known))
    return read_baseline(str(file))


def accepted(tmp_path: Path, known: list[Finding], now: list[Finding]) -> list[bool]:
    return [found.suppressed for found in accept(now, round_trip(tmp_path, *known))]  # type: ignore[arg-type]


def test_a_known_finding_is_suppressed_by_the_baseline(tmp_path: Path) -> None:
    (found,) = accept([finding()], round_trip(tmp_path, finding()))  # type: ignore[arg-type]
    assert (found.suppressed, found.suppressed_by) == (True, "baseline")


@pytest.mark.parametrize(
    "now",
    [
        finding(line=99),
        finding(message="the weight of F.linear in the model (Net), 4x5, is no parameter"),
        finding(module="layers.7", modules=3),
        finding(target="pkg:Other"),
        finding(severity="info"),
        finding(code="return  F.linear(x,   w)".replace("x,   w", "x, w")),
        finding(function="forward"),  # as Python 3.10 calls it
    ],
    ids=["line moved", "other shapes", "other module", "other model", "milder", "other spaces", "name of the function"],
)
def test_it_stays_known_when_this_changes(tmp_path: Path, now: Finding) -> None:
    assert accepted(tmp_path, [finding()], [now]) == [True]


@pytest.mark.parametrize(
    "now",
    [
        finding(rule="MI104"),
        finding("other.py"),
        finding(code="return F.linear(x, v)"),
        finding(function="Net.encode"),
        finding(None),
    ],
    ids=["other rule", "other file", "other code", "other function", "no place"],
)
def test_another_finding_is_new(tmp_path: Path, now: Finding) -> None:
    assert accepted(tmp_path, [finding()], [now]) == [False]


def test_the_same_line_written_once_more_is_new(tmp_path: Path) -> None:
    assert accepted(tmp_path, [finding(line=3)], [finding(line=3), finding(line=8)]) == [True, False]


def test_one_line_in_several_models_is_one_entry(tmp_path: Path) -> None:
    known = [finding(target="a"), finding(target="b")]
    assert len(round_trip(tmp_path, *known)) == 1
    assert accepted(tmp_path, known[:1], known) == [True, True]


def test_equal_lines_in_several_places_are_entries_of_their_own(tmp_path: Path) -> None:
    known = [finding(line=3), finding(line=8)]
    assert len(round_trip(tmp_path, *known)) == 2
    assert accepted(tmp_path, known, [finding(line=4), finding(line=9)]) == [True, True]


def test_a_finding_without_a_place_is_known_by_its_model_and_module(tmp_path: Path) -> None:
    known = finding(None, target="pkg:Net(width=3)", module="fc")
    assert accepted(tmp_path, [known], [replace(known, target="pkg:Net(width=4)")]) == [True]
    assert accepted(tmp_path, [known], [replace(known, module="head")]) == [False]


def test_an_installed_file_is_known_on_other_machines(tmp_path: Path) -> None:
    known = finding("/home/a/venv/lib/python3.11/site-packages/timm/layers.py")
    assert accepted(tmp_path, [known], [finding("C:\\venv\\site-packages\\timm\\layers.py")]) == [True]


def test_what_a_comment_suppresses_is_not_written(tmp_path: Path) -> None:
    by_comment = finding(line=3, suppressed=True, suppressed_by="comment")
    assert round_trip(tmp_path, by_comment) == frozenset()
    (kept,) = accept([by_comment], round_trip(tmp_path, finding(line=3)))  # type: ignore[arg-type]
    assert kept.suppressed_by == "comment"


def test_what_the_baseline_suppressed_is_written_again(tmp_path: Path) -> None:
    assert len(round_trip(tmp_path, finding(suppressed=True, suppressed_by="baseline"))) == 1


def test_the_file_does_not_depend_on_the_order(tmp_path: Path) -> None:
    found = [finding(line=3), finding("a.py"), finding(rule="MI104")]
    assert baseline_text(found) == baseline_text(found[::-1])


def test_fingerprints_follow_the_line() -> None:
    before, after = fingerprinted([finding(line=3), finding(line=8)]), fingerprinted([finding(line=13), finding(line=18)])
    assert [one.fingerprint for one in before] == [one.fingerprint for one in after]
    assert before[0].fingerprint != before[1].fingerprint
    assert len(before[0].fingerprint) == 32


@pytest.mark.parametrize("name", ["\ud800", "\x1b[31m", "[bold]"])
def test_odd_names_survive(tmp_path: Path, name: str) -> None:
    assert accepted(tmp_path, [finding(name, code=name)], [finding(name, code=name)]) == [True]


ENTRY = {"rule": "MI103", "file": "a.py", "place": "forward", "code": "x", "occurrence": 0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't read the baseline"),
        ("{", "isn't JSON"),
        ("[" * 100_000, "isn't JSON"),
        ("[]", "isn't a baseline"),
        ('{"findings": 3}', "isn't a baseline"),
        ('{"findings": []}', "schema_version None"),
        (json.dumps({"schema_version": 2, "findings": []}), "schema_version 2"),
        (
            json.dumps({"schema_version": 1, "findings": [3]}),
            "`int` - at `$[0]` of its findings",
        ),
        (
            json.dumps({"schema_version": 1, "findings": [ENTRY, {**ENTRY, "occurrence": True}]}),
            "`$[1].occurrence`",
        ),
        (
            json.dumps({"schema_version": 1, "findings": [{**ENTRY, "file": None}]}),
            "`$[0].file` of its findings",
        ),
    ],
)
def test_what_is_no_baseline_is_said_to_be_none(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "baseline.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError) as raised:
        read_baseline(str(file))
    assert message in raised.value.message
    assert "--write-baseline" in raised.value.hint
