"""Which findings a comment suppresses, and which comments suppress nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from modinspect.findings import Skipped
from modinspect.linter.suppress import suppress, unused
from tests.linter.lint_samples import checked, finding


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A file whose third line holds a comment."""
    file = tmp_path / "net.py"
    file.write_text("a = 1\n\nreturn_ = F(a)  # modinspect: ignore[MI103]\nb = 2\n")
    return file


def lines(file: Path, *numbers: int) -> dict[str, frozenset[int]]:
    return {str(file): frozenset(numbers)}


def test_a_finding_on_the_line_is_suppressed(net: Path) -> None:
    (found,) = suppress([finding(str(net), 3)])
    assert (found.suppressed, found.suppressed_by) == (True, "comment")


@pytest.mark.parametrize("other", [finding("x.py", 3), finding(None), finding(rule="MI104")])
def test_other_findings_are_not(net: Path, other: object) -> None:
    assert suppress([other]) == (other,)  # type: ignore[list-item]


def test_another_line_of_the_file_and_another_rule_are_not(net: Path) -> None:
    found = suppress([finding(str(net), 1), finding(str(net), 3, rule="MI104")])
    assert [one.suppressed for one in found] == [False, False]


@pytest.mark.parametrize("selector", ["MI1", "mi103", "unregistered-weight"])
def test_beginnings_of_ids_and_names_work_too(net: Path, selector: str) -> None:
    net.write_text(f"\n\nx = F(a)  # modinspect: ignore[{selector}]\n")
    assert suppress([finding(str(net), 3)])[0].suppressed


def test_a_comment_that_suppresses_something_is_used(net: Path) -> None:
    found = finding(str(net), 3)
    assert list(unused([checked(found, lines=lines(net, 3))], [found])) == []


def test_a_comment_on_a_line_that_ran_and_is_clean_is_a_warning(net: Path) -> None:
    (found,) = unused([checked(lines=lines(net, 1, 3))], [])
    assert (found.rule, found.name, found.severity) == ("MI001", "unused-suppression", "warning")
    assert found.message == "the comment suppresses nothing: MI103 finds nothing here. Remove it"
    assert found.source is not None
    assert (found.source.file, found.source.line) == (str(net), 3)
    assert found.source.code == "return_ = F(a)  # modinspect: ignore[MI103]"


def test_a_comment_on_a_line_that_did_not_run_is_not_judged(net: Path) -> None:
    assert list(unused([checked(lines=lines(net, 1, 4))], [])) == []


def test_a_comment_is_not_judged_where_its_rule_was_not_decided_for_a_model_that_ran_the_line(net: Path) -> None:
    one = checked(target="a", lines=lines(net, 3))
    other = checked(target="b", decided=("MI001",), skipped=(Skipped("MI103", "b", "why"),), lines=lines(net, 3))
    elsewhere = checked(target="c", decided=("MI001",), lines=lines(net, 1))
    assert list(unused([one, other], [])) == []
    assert len(list(unused([one, elsewhere], []))) == 1


def test_a_comment_is_used_if_another_model_has_the_finding(net: Path) -> None:
    found = finding(str(net), 3, target="b")
    models = [checked(target="a", lines=lines(net, 3)), checked(found, target="b", lines=lines(net, 3))]
    assert list(unused(models, [found])) == []


def test_models_that_were_not_asked_about_comments_say_nothing_of_them(net: Path) -> None:
    assert list(unused([checked(decided=("MI103",), lines=lines(net, 3))], [])) == []


def test_only_the_part_of_a_comment_that_is_unused_is_reported(net: Path) -> None:
    net.write_text("\n\nx = F(a)  # modinspect: ignore[MI103, MI104]\n")
    found = finding(str(net), 3)
    model = checked(found, decided=("MI001", "MI103", "MI104"), lines=lines(net, 3))
    assert [one.message for one in unused([model], [found])] == [
        "the comment suppresses nothing: MI104 finds nothing here. Remove it"
    ]


@pytest.mark.parametrize(
    ("comment", "line", "message"),
    [
        ("x = 1  # modinspect: ignore", 1, "the comment names no rule"),
        ("x = 1  # modinspect: ignore[MI999]", 1, "there is no rule 'MI999'"),
        ("x = 1  # modinspect: ignore[MI10E]", 1, "Did you mean 'MI10"),
        ("# modinspect: ignore[MI103]\nx = 1", 2, "on its own line: move ignore[MI103]"),
    ],
)
def test_a_comment_that_can_suppress_nothing_says_why(net: Path, comment: str, line: int, message: str) -> None:
    net.write_text(f"{comment}\n")
    (found,) = unused([checked(lines=lines(net, line))], [])
    assert message in found.message
