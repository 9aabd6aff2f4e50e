from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import modinspect
from modinspect.linter.check import check
from modinspect.linter.rule import PendingFinding, Runs, Undecided
from modinspect.report import Source
from tests.linter.lint_samples import FakeRule, FakeRuns


def objects(_: Runs) -> Iterator[PendingFinding]:
    yield PendingFinding("wrong", "", Source("net.py", 3, "f"))


def cannot_tell(_: Runs) -> Iterator[PendingFinding]:
    yield PendingFinding("seen before the rule gave up", "")
    raise Undecided("nobody knows")


def crashes(_: Runs) -> Iterator[PendingFinding]:
    """In a file of modinspect's, as a bug would."""
    yield PendingFinding("seen before the rule crashed", "")
    file = str(Path(modinspect.__file__).parent / "lint" / "rules" / "crashes.py")
    exec(compile("raise ZeroDivisionError('by\\nzero')", file, "exec"))


def nothing(_: Runs) -> Iterator[PendingFinding]:
    return iter(())


def test_findings_of_all_rules_come_in_the_order_of_the_rules() -> None:
    said = check(FakeRuns(), [FakeRule(objects, "MI103"), FakeRule(objects, "MI101")], target="pkg:Net")
    assert [(one.rule, one.message, one.target) for one in said.findings] == [
        ("MI103", "wrong", "pkg:Net"),
        ("MI101", "wrong", "pkg:Net"),
    ]
    assert said.decided == {"MI101", "MI103"}


def test_a_rule_that_cannot_be_decided_is_skipped_with_its_reason() -> None:
    said = check(FakeRuns(), [FakeRule(cannot_tell)], target="pkg:Net")
    assert [(one.rule, one.target, one.reason) for one in said.skipped] == [("MI103", "pkg:Net", "nobody knows")]
    assert said.findings == ()
    assert said.decided == frozenset()


def test_a_rule_that_crashes_is_skipped_and_hides_nothing_of_the_others() -> None:
    said = check(FakeRuns(), [FakeRule(crashes, "MI101"), FakeRule(objects, "MI103")], target="pkg:Net")
    (skipped,) = said.skipped
    assert skipped.rule == "MI101"
    assert skipped.reason.startswith("the rule itself failed, which is a bug: ZeroDivisionError: by zero")
    assert [one.rule for one in said.findings] == ["MI103"]


def test_progress_is_told_which_rule_is_asked() -> None:
    told: list[str] = []
    check(FakeRuns(), [FakeRule(nothing, "MI101"), FakeRule(nothing, "MI103")], target="pkg:Net", progress=told.append)
    assert told == ["MI101", "MI103"]


def test_lines_that_ran_or_that_register_are_kept_for_files_with_comments(tmp_path: Path) -> None:
    plain, commented = tmp_path / "plain.py", tmp_path / "commented.py"
    plain.write_text("x = 1\n")
    commented.write_text("x = 1  # modinspect: ignore[MI103]\n")
    runs = FakeRuns(
        ran=((str(plain), 1), (str(commented), 7), (str(commented), 9)),
        declared={"fc": Source(str(commented), 4, "__init__"), "fc.weight": Source(str(plain), 2, "__init__")},
    )
    assert check(runs, [], target="pkg:Net").lines == {str(commented): {4, 7, 9}}


def test_code_without_a_file_has_no_lines() -> None:
    assert check(FakeRuns(ran=(("<string>", 1), ("a\0b", 1))), [], target="pkg:Net").lines == {}


def test_a_model_that_did_not_run_has_no_lines() -> None:
    assert check(FakeRuns(error="it raised"), [], target="pkg:Net").lines == {}
