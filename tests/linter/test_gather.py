"""What the rules said of several models, put together."""

from __future__ import annotations

from pathlib import Path

from modinspect.findings import Failure, Identity, LintReport, Skipped
from modinspect.linter.gather import gather
from tests.linter.lint_samples import checked, finding


def test_findings_stand_by_model_file_and_line() -> None:
    report = gather(
        [
            checked(finding("b.py", 2), finding(None), finding("b.py", 1), finding("a.py", 9)),
            checked(finding("a.py", 1, target="a"), target="a"),
        ]
    )
    places = [(one.target, one.source and (one.source.file, one.source.line)) for one in report.findings]
    assert places == [
        ("pkg:Net", ("a.py", 9)),
        ("pkg:Net", ("b.py", 1)),
        ("pkg:Net", ("b.py", 2)),
        ("pkg:Net", None),
        ("a", ("a.py", 1)),
    ]


def test_a_severity_can_be_changed() -> None:
    report = gather([checked(finding(), finding(rule="MI104", severity="warning"))], severity={"MI103": "info"})
    assert [one.severity for one in report.findings] == ["info", "warning"]


def test_all_findings_have_fingerprints() -> None:
    assert all(one.fingerprint for one in gather([checked(finding(), finding(None))]).findings)


def test_the_baseline_suppresses_what_it_holds() -> None:
    known = Identity("MI103", "net.py", "forward", "return F.linear(x, w)", 0)
    report = gather([checked(finding(), finding("other.py"))], baseline=frozenset({known}))
    assert [one.suppressed_by for one in report.findings] == ["baseline", None]
    assert [one.source and one.source.file for one in report.open] == ["other.py"]


def test_a_comment_suppresses_its_line_and_an_unused_one_is_found(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("x = f(a)  # modinspect: ignore[MI103]\ny = g(x)  # modinspect: ignore[MI103]\n")
    model = checked(finding(str(file), 1), lines={str(file): frozenset({1, 2})})
    report = gather([model])
    assert [(one.rule, one.suppressed_by) for one in report.findings] == [("MI103", "comment"), ("MI001", None)]


def test_no_comment_is_called_unused_while_a_model_could_not_be_checked(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("x = f(a)  # modinspect: ignore[MI103]\n")
    model = checked(lines={str(file): frozenset({1})})
    assert len(gather([model]).findings) == 1
    assert gather([model, Failure("b", "it raised")]).findings == ()


def test_models_failures_and_undecided_rules_are_kept_apart() -> None:
    skipped = Skipped("MI202", "a", "it needs a real run")
    report = gather([checked(target="a", skipped=(skipped,), decided=("MI103",)), Failure("b", "it raised")])
    assert report.targets == ("a", "b")
    assert report.skipped == (skipped,)
    assert [one.target for one in report.failures] == ["b"]
    assert [rule.id for rule in report.rules] == ["MI103", "MI202"]
    assert report.decided == {"a": {"MI103"}}


def test_findings_as_bad_as_a_severity_are_those_that_are_open_and_at_least_that_bad() -> None:
    report = LintReport(
        ("t",),
        (),
        (finding(severity="error"), finding(severity="warning"), finding(severity="info"), finding(suppressed=True)),
    )
    assert [len(report.at_least(severity)) for severity in ("error", "warning", "info")] == [1, 2, 3]
    assert report.counts() == {"error": 1, "warning": 1, "info": 1}


def test_the_json_has_the_keys_of_the_contract() -> None:
    report = gather([checked(finding(module="fc"), skipped=(Skipped("MI202", "pkg:Net", "why"),)), Failure("b", "it raised")])
    data = report.to_dict()
    assert data["schema_version"] == 1
    (found,) = data["findings"]
    assert {key: found[key] for key in ("rule", "name", "severity", "message", "target", "module", "source", "suppressed")} == {
        "rule": "MI103",
        "name": "unregistered-weight",
        "severity": "error",
        "message": "the weight of F.linear is no parameter",
        "target": "pkg:Net",
        "module": "fc",
        "source": {"file": "net.py", "line": 3, "function": "Net.forward", "code": "return F.linear(x, w)"},
        "suppressed": False,
    }
    assert data["skipped"] == [{"rule": "MI202", "target": "pkg:Net", "reason": "why"}]
    assert data["failures"] == [{"target": "b", "message": "it raised", "hint": "", "detail": ""}]
    assert data["targets"] == ["pkg:Net", "b"]
