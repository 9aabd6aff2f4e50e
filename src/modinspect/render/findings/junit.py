"""Findings as JUnit XML, which most CI services show as tests: a suite for each model, a case for each rule.

Elements and attributes follow the schema that Jenkins' xUnit plugin and others read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from modinspect.findings import SEVERITIES, Failure, Finding, LintReport, RuleInfo
from modinspect.render.findings.merged import FindingsView, modules_of
from modinspect.render.text import amount, plain

_NOT_IN_XML = re.compile("[\ufffe\uffff\U0001fffe\U0001ffff]")
"""What :func:`plain` leaves and XML 1.0 does not allow, or advises against."""


def render(report: LintReport, view: FindingsView) -> str:
    """The report as XML. A rule that could not be decided is a skipped case, never a passed one."""
    suites = Element("testsuites", name="modinspect")
    for target in report.targets:
        _suite(suites, report, target, view)
    for key in ("tests", "failures", "errors", "skipped"):
        suites.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    suites.set("time", "0")
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _suite(suites: Element, report: LintReport, target: str, view: FindingsView) -> None:
    suite = SubElement(suites, "testsuite", name=_safe(target))
    failure = next((failure for failure in report.failures if failure.target == target), None)
    if failure is not None:
        _add_error(suite, failure)
    skipped = {skipped.rule: skipped.reason for skipped in report.skipped if skipped.target == target}
    decided = report.decided.get(target, frozenset())
    for rule in report.rules:
        if rule.id in skipped:
            SubElement(_case(suite, rule, target), "skipped", message=_safe(skipped[rule.id]))
        elif rule.id in decided:
            found = [finding for finding in report.open if finding.rule == rule.id and finding.target == target]
            _add_findings(_case(suite, rule, target), found, view)
    for key, tag in (("tests", "testcase"), ("failures", ".//failure"), ("errors", ".//error"), ("skipped", ".//skipped")):
        suite.set(key, str(len(suite.findall(tag))))
    suite.set("time", "0")


def _case(suite: Element, rule: RuleInfo, target: str) -> Element:
    return SubElement(suite, "testcase", classname=_safe(target), name=f"{rule.id} {rule.name}", time="0")


def _add_error(suite: Element, failure: Failure) -> None:
    case = SubElement(suite, "testcase", classname=_safe(failure.target), name="the model can be checked", time="0")
    error = SubElement(case, "error", message=_safe(failure.message), type="modinspect")
    error.text = _safe("\n".join(part for part in (failure.message, failure.hint, failure.detail) if part))


def _add_findings(case: Element, found: Sequence[Finding], view: FindingsView) -> None:
    """One failure for all findings that count as one; milder ones go to ``system-out``."""
    count = [finding for finding in found if SEVERITIES.index(finding.severity) <= SEVERITIES.index(view.fail_on)]
    mild = [finding for finding in found if finding not in count]
    if count:
        message = count[0].message if len(count) == 1 else f"{amount(len(count), 'finding')}, the first: {count[0].message}"
        failure = SubElement(case, "failure", message=_safe(message), type=count[0].severity)
        failure.text = _told(count, view)
    if mild:
        SubElement(case, "system-out").text = _told(mild, view)


def _told(found: Sequence[Finding], view: FindingsView) -> str:
    return "\n\n".join(_safe(_finding(finding, view)) for finding in found)


def _finding(finding: Finding, view: FindingsView) -> str:
    module = f" ({modules_of(finding)})" if finding.module else ""
    if finding.source is None:
        return f"{finding.severity}: {finding.message}{module}"
    code = f"\n    {finding.source.code}" if finding.source.code else ""
    return f"{view.file(finding.source)}:{finding.source.line}: {finding.severity}: {finding.message}{module}{code}"


def _safe(text: str) -> str:
    return _NOT_IN_XML.sub("?", plain(text, lines=True))
