"""The formats of findings, each read back the way that its readers do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from modinspect.findings import Failure, Finding, LintReport, RuleInfo, Skipped, fingerprinted
from modinspect.render import LINT_FORMATS, find_format
from modinspect.render.findings.merged import FindingsView, merged
from modinspect.render.findings.sarif import render as render_sarif
from modinspect.render.findings.text import findings_text, marked
from tests.linter.lint_samples import finding

RULES = (
    RuleInfo("MI103", "unregistered-weight", "error", "A loose weight.", "A loose weight.\n\n## What it does\nReports `{x}`."),
    RuleInfo("MI202", "eval-not-deterministic", "warning", "Two runs differ.", "Two runs differ."),
    RuleInfo("MI301", "unused-parameter", "warning", "Nothing uses it.", "Nothing uses it."),
)
REPORT = LintReport(
    targets=("pkg:Net", "pkg:Other", "pkg:Broken"),
    rules=RULES,
    findings=fingerprinted(
        [
            finding("src/net.py", 12, module="blocks.0", modules=3),
            finding("src/net.py", 12, target="pkg:Other", module="fc"),
            finding(None, rule="MI301", severity="info", message="no op uses the parameter scale", module="scale"),
            finding("src/old.py", 40, suppressed=True, suppressed_by="baseline"),
            finding("src/net.py", 80, suppressed=True, suppressed_by="comment"),
        ]
    ),
    skipped=(Skipped("MI202", "pkg:Net", "it needs a real run"), Skipped("MI202", "pkg:Other", "it needs a real run")),
    failures=(Failure("pkg:Broken", "forward raised ValueError: no", "Look at it.", "Traceback: here"),),
    decided={"pkg:Net": frozenset({"MI103", "MI301"}), "pkg:Other": frozenset({"MI103"})},
)
EMPTY = LintReport(("pkg:Net",), RULES, decided={"pkg:Net": frozenset({"MI103", "MI202", "MI301"})})

HOSTILE = "\x1b[31m\x1b]8;;http://x\x07[bold]<b>&amp;\u202e\u200b\ud800\ufffe\r\n::error::%0A::error file=a,line=1::](http://x){0},:'\""


def hostile_report() -> LintReport:
    found = finding(HOSTILE, 3, message=HOSTILE, target=HOSTILE, module=HOSTILE, code=HOSTILE, function=HOSTILE)
    return LintReport(
        (HOSTILE,),
        RULES,
        fingerprinted([found, finding(None, message=HOSTILE, target=HOSTILE, module=HOSTILE)]),
        (Skipped("MI202", HOSTILE, HOSTILE),),
        (Failure(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        {HOSTILE: frozenset({"MI103"})},
    )


def render(name: str, report: LintReport = REPORT, view: FindingsView | None = None) -> str:
    return find_format(LINT_FORMATS, name).render(report, view or FindingsView())


# --- for people


def test_text_shows_the_line_with_the_place_marked_and_ends_with_counts() -> None:
    assert render("text") == (
        "error[MI103] unregistered-weight: the weight of F.linear is no parameter\n"
        "  --> src/net.py:12 (pkg:Net, pkg:Other, module blocks.0 and 2 more modules)\n"
        "   |\n"
        "12 | return F.linear(x, w)\n"
        "   |        ^^^^^^^^^^^^^^\n"
        "\n"
        "info[MI301] unregistered-weight: no op uses the parameter scale\n"
        "--> pkg:Net (module scale)\n"
        "\n"
        "not decided: MI202 eval-not-deterministic: it needs a real run (pkg:Net, pkg:Other)\n"
        "\n"
        "2 errors, 1 info · 2 suppressed · 2 rules not decided · 2 models checked · 1 could not be\n"
    )


def test_text_of_nothing_is_one_line() -> None:
    assert render("text", EMPTY) == "no findings · 1 model checked\n"


def test_text_shows_the_worst_first_and_counts_what_is_below_the_listed_severity() -> None:
    found = [
        finding("a.py", 1, severity="info"),
        finding("a.py", 2, severity="warning"),
        finding("a.py", 3, severity="error"),
        finding("a.py", 4, severity="warning"),
        finding("a.py", 5, severity="info"),
    ]
    report = LintReport(("pkg:Net",), RULES, tuple(found))
    lines = [line.partition("a.py:")[2].split()[0] for line in findings_text(report).plain.splitlines() if "-->" in line]
    assert lines == ["3", "2", "4", "1", "5"]
    text = findings_text(report, "warning").plain
    assert [line.partition("a.py:")[2].split()[0] for line in text.splitlines() if "-->" in line] == ["3", "2", "4"]
    assert text.endswith("1 error, 2 warnings, 2 infos (--severity info shows them) · 1 model checked\n")
    assert "2 warnings, 2 infos (--severity info shows them)" in findings_text(report, "error").plain


def test_a_report_prints_itself() -> None:
    assert str(REPORT) == render("text")


@pytest.mark.parametrize(
    ("code", "message", "place"),
    [
        (
            "return F.linear(x, torch.rand(3, 5))",
            "the weight of F.linear is made here (torch.rand)",
            "F.linear(x, torch.rand(3, 5))",
        ),
        ("if x.sum().item() > 0:", "Tensor.item reads a value", "item()"),
        ("x = F.dropout(", "F.dropout drops values", "F.dropout("),
        ("x = self.layers[0](x)", "layers[0] (Linear) runs in Net", "layers[0]"),
        ("x = my_relu(relu(x))", "relu is called", "relu(x)"),
        ("x = x + y  # a comment", "the sum is wrong", "x = x + y"),
        ("self.net.forward(x)", "the forward is called", "self.net.forward(x)"),
        ("x = 1", "", "x = 1"),
        ("", "nothing", ""),
    ],
)
def test_the_place_is_what_the_message_names(code: str, message: str, place: str) -> None:
    start, stop = marked(code, message)
    assert code[start:stop] == place


def test_the_mark_stands_below_wide_characters() -> None:
    report = LintReport(("t",), RULES, (finding(code="名 = F.linear(x, w)"),))
    lines = findings_text(report).plain.splitlines()
    assert lines[3] == "3 | 名 = F.linear(x, w)"
    assert lines[4] == "  |      ^^^^^^^^^^^^^^"


def test_a_finding_that_several_models_have_is_merged_and_others_are_not() -> None:
    same, other = [finding(target="a"), finding(target="b")], finding(target="a", message="another")
    assert [(len(one.targets), one.finding.message) for one in merged([*same, other])] == [
        (2, same[0].message),
        (1, "another"),
    ]
    assert len(merged([finding(None, target="a"), finding(None, target="b")])) == 2


# --- JSON


def test_json_is_the_report() -> None:
    assert json.loads(render("json")) == REPORT.to_dict()
    assert render("json").isascii()


# --- GitHub


def test_github_annotations_have_the_documented_form() -> None:
    assert render("github").splitlines() == [
        "::error title=modinspect::pkg:Broken could not be checked: forward raised ValueError: no%0ALook at it.",
        "::error file=src/net.py,line=12,title=MI103 unregistered-weight::"
        "the weight of F.linear is no parameter (pkg:Net, pkg:Other, module blocks.0 and 2 more modules)",
        "::notice title=MI301 unregistered-weight::no op uses the parameter scale (pkg:Net, module scale)",
    ]


def test_github_escapes_as_documented() -> None:
    report = LintReport(("t",), RULES, (finding("a,b:c%.py", message="100 %\r\nsure: a,b"),))
    (line,) = render("github", report).splitlines()
    assert line.startswith("::error file=a%2Cb%3Ac%25.py,line=3,")
    assert line.endswith("::100 %25%0Asure: a,b (t)".replace("(t)", "(pkg:Net)"))


def test_github_reads_back_one_command_for_each_finding_whatever_the_names_are() -> None:
    text = render("github", hostile_report())
    lines = text.split("\n")[:-1]
    assert len(lines) == 3
    for line in lines:
        match = re.fullmatch(r"::(error|warning|notice) ((?:[a-z]+=[^:,\r\n]*,?)+)::(.*)", line)
        assert match is not None
        assert set(dict(part.split("=", 1) for part in match[2].split(","))) <= {"file", "line", "title"}
    assert "%0A" in text
    assert "%250A" in text


# --- SARIF

SCHEMA = json.loads((Path(__file__).parents[2] / "data" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))


def sarif(report: LintReport = REPORT, view: FindingsView | None = None) -> dict[str, Any]:
    log = json.loads(render_sarif(report, view or FindingsView()))
    Draft202012Validator(SCHEMA).validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


@pytest.mark.parametrize("report", [REPORT, EMPTY, LintReport((), ())])
def test_sarif_is_valid(report: LintReport) -> None:
    sarif(report)


def test_the_schema_finds_what_is_wrong() -> None:
    log = json.loads(render_sarif(REPORT, FindingsView()))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not Draft202012Validator(SCHEMA).is_valid(log)


def test_sarif_tells_of_the_rules() -> None:
    rules = sarif()["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["name"], rule["defaultConfiguration"]["level"]) for rule in rules] == [
        ("MI103", "UnregisteredWeight", "error"),
        ("MI202", "EvalNotDeterministic", "warning"),
        ("MI301", "UnusedParameter", "warning"),
    ]
    assert rules[0]["help"]["markdown"] == RULES[0].page
    assert rules[0]["shortDescription"]["text"] == "A loose weight."


def test_sarif_results_have_place_rule_level_and_fingerprint() -> None:
    first, second, *suppressed = sarif()["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "src/net.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 12, "snippet": {"text": "return F.linear(x, w)"}}
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("MI103", 0, "error")
    assert first["partialFingerprints"] == {"modinspect/v1": REPORT.findings[0].fingerprint}
    assert [name["fullyQualifiedName"] for name in first["locations"][0]["logicalLocations"]] == [
        "pkg:Net:blocks.0",
        "pkg:Other:blocks.0",
    ]
    assert (second["ruleId"], second["ruleIndex"], second["level"]) == ("MI301", 2, "note")
    assert "physicalLocation" not in second["locations"][0]
    assert "suppressions" not in first
    assert [result["suppressions"] for result in suppressed] == [[{"kind": "external"}], [{"kind": "inSource"}]]


def test_sarif_says_what_could_not_be_decided_or_checked() -> None:
    (invocation,) = sarif()["invocations"]
    assert invocation["executionSuccessful"] is False
    told = [(said["level"], said["message"]["text"]) for said in invocation["toolExecutionNotifications"]]
    assert told == [
        ("error", "pkg:Broken could not be checked: forward raised ValueError: no\nLook at it."),
        ("note", "MI202 could not be decided on pkg:Net: it needs a real run"),
        ("note", "MI202 could not be decided on pkg:Other: it needs a real run"),
    ]
    assert sarif(EMPTY)["invocations"][0]["executionSuccessful"] is True


def test_sarif_holds_no_links_and_no_places_to_fill_in() -> None:
    report = LintReport(("t",), RULES, (finding(message="see [x](http://x) {0} {name}"),))
    assert sarif(report)["results"][0]["message"]["text"] == "see [x] (http://x) {{0}} {name}"


def test_sarif_names_files_as_uris() -> None:
    names = ["a b/ü#?.py", "/usr/lib/x y.py", HOSTILE]
    places = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]
        for result in sarif(LintReport(("t",), RULES, tuple(finding(name) for name in names)))["results"]
    ]
    assert places[0] == {"uri": "a%20b/%C3%BC%23%3F.py", "uriBaseId": "%SRCROOT%"}
    assert unquote(places[0]["uri"]) == names[0]
    assert places[1] == {"uri": "file:///usr/lib/x%20y.py"}
    assert re.fullmatch(r"[\w./%-]+", places[2]["uri"], re.ASCII)


def test_files_are_named_from_the_directory_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    view = FindingsView(str(tmp_path))
    found = (finding("net.py"), finding(str(tmp_path / "other" / "x.py")), finding("/elsewhere/x.py"))
    report = LintReport(("t",), RULES, found)
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in sarif(report, view)["results"]]
    assert uris == ["sub/net.py", "other/x.py", "file:///elsewhere/x.py"]
    assert [re.search("file=([^,]*)", line)[1] for line in render("github", report, view).splitlines()] == [  # type: ignore[index]
        "sub/net.py", "other/x.py", "/elsewhere/x.py",
    ]  # fmt: skip


# --- JUnit


def junit(report: LintReport = REPORT, view: FindingsView | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(render("junit", report, view))


def cases(suite: ElementTree.Element) -> list[tuple[str | None, list[str]]]:
    return [(case.get("name"), [child.tag for child in case]) for case in suite.iter("testcase")]


def test_junit_has_a_suite_for_each_model_and_a_case_for_each_rule() -> None:
    suites = junit()
    assert [suite.get("name") for suite in suites] == ["pkg:Net", "pkg:Other", "pkg:Broken"]
    assert cases(suites[0]) == [
        ("MI103 unregistered-weight", ["failure"]),
        ("MI202 eval-not-deterministic", ["skipped"]),
        ("MI301 unused-parameter", ["system-out"]),
    ]
    assert cases(suites[1]) == [("MI103 unregistered-weight", ["failure"]), ("MI202 eval-not-deterministic", ["skipped"])]
    assert cases(suites[2]) == [("the model can be checked", ["error"])]


def test_junit_counts_what_it_holds() -> None:
    counts = ("tests", "failures", "errors", "skipped")
    suites = junit()
    assert [suites.get(count) for count in counts] == ["6", "2", "1", "2"]
    assert [suites[0].get(count) for count in counts] == ["3", "1", "0", "1"]
    assert [suites[2].get(count) for count in counts] == ["1", "0", "1", "0"]


def test_junit_tells_place_and_code() -> None:
    (failure,) = junit()[0].iter("failure")
    assert failure.get("message") == "the weight of F.linear is no parameter"
    assert failure.get("type") == "error"
    assert failure.text == (
        "src/net.py:12: error: the weight of F.linear is no parameter (module blocks.0 and 2 more modules)\n"
        "    return F.linear(x, w)"
    )
    (error,) = junit()[2].iter("error")
    assert error.text == "forward raised ValueError: no\nLook at it.\nTraceback: here"


def test_junit_fails_on_what_lint_fails_on() -> None:
    assert cases(junit(view=FindingsView(fail_on="info"))[0])[2] == ("MI301 unused-parameter", ["failure"])


def test_junit_of_several_findings_is_one_failure() -> None:
    report = LintReport(("pkg:Net",), RULES, (finding(line=1), finding(line=2)), decided={"pkg:Net": frozenset({"MI103"})})
    (failure,) = junit(report).iter("failure")
    assert failure.get("message") == "2 findings, the first: the weight of F.linear is no parameter"
    assert failure.text is not None
    assert "net.py:1:" in failure.text
    assert "net.py:2:" in failure.text


# --- hostile names

PRINTABLE = {"text", "github", "sarif", "junit"}


@pytest.mark.parametrize("name", [known.name for known in LINT_FORMATS])
def test_hostile_names_are_written_out(name: str) -> None:
    text = render(name, hostile_report())
    text.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\ud800-\udfff]", text)
    if name in PRINTABLE:
        assert "\\x1b[31m" in text.replace("\\\\", "\\")


def test_hostile_names_leave_sarif_and_junit_well_formed() -> None:
    sarif(hostile_report())
    assert len(list(junit(hostile_report()).iter("testcase"))) == 3


def test_hostile_names_open_no_line_of_their_own_in_the_text() -> None:
    lines = render("text", hostile_report()).splitlines()
    assert not [line for line in lines if line.startswith(("::", "<b>"))]


def test_a_finding_is_shown_once_in_each_format() -> None:
    one = LintReport(("a", "b"), RULES, (finding(target="a"), finding(target="b")))
    assert render("text", one).count("error[MI103]") == 1
    assert len(render("github", one).splitlines()) == 1
    assert len(sarif(one)["results"]) == 1


def test_findings_need_not_be_of_a_rule_that_is_known() -> None:
    unknown: Finding = finding(rule="MI999")
    (result,) = sarif(LintReport(("t",), RULES, (unknown,)))["results"]
    assert "ruleIndex" not in result
