"""Findings as SARIF 2.1.0, which code scanning services read.

The format follows the OASIS standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0" and the additional
requirements of GitHub ("SARIF support for code scanning").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from modinspect._version import __version__
from modinspect.findings import Failure, LintReport, RuleInfo, Severity, Skipped
from modinspect.render.findings.merged import FindingsView, Merged, merged
from modinspect.render.text import plain

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_ROOT = "%SRCROOT%"
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_SUPPRESSIONS = {"comment": "inSource", "baseline": "external"}


def render(report: LintReport, view: FindingsView) -> str:
    """The report as one run of one tool. Suppressed findings are included and marked."""
    found = merged(report.findings)
    ids = [rule.id for rule in report.rules]
    run = {
        "tool": {
            "driver": {
                "name": "modinspect",
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in report.rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The directory of the repository."}}},
        "invocations": [
            {
                "executionSuccessful": not report.failures,
                "toolExecutionNotifications": [
                    *(_failed(failure) for failure in report.failures),
                    *(_undecided(skipped) for skipped in report.skipped),
                ],
            }
        ],
        "results": [_result(one, ids, view) for one in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: RuleInfo) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": _message(rule.summary),
        "fullDescription": _message(rule.summary),
        "help": {**_message(rule.page), "markdown": rule.page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["pytorch", rule.name], "problem.severity": _PROBLEMS[rule.severity]},
    }


_PROBLEMS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "recommendation"}


def _result(found: Merged, ids: Sequence[str], view: FindingsView) -> dict[str, Any]:
    finding = found.finding
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": _message(finding.message),
        "locations": [_location(found, view)],
        "partialFingerprints": {"modinspect/v1": finding.fingerprint},
        "properties": {"targets": [plain(target) for target in found.targets], "modules": finding.modules},
    }
    if finding.rule in ids:
        result["ruleIndex"] = ids.index(finding.rule)
    if finding.suppressed_by is not None:
        result["suppressions"] = [{"kind": _SUPPRESSIONS[finding.suppressed_by]}]
    return result


def _location(found: Merged, view: FindingsView) -> dict[str, Any]:
    finding = found.finding
    names = [f"{target}:{finding.module}" if finding.module else target for target in found.targets]
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": plain(name), "kind": "module"} for name in names]}
    if finding.source is not None:
        region: dict[str, Any] = {"startLine": max(finding.source.line, 1)}
        if finding.source.code:
            region["snippet"] = {"text": plain(finding.source.code)}
        location["physicalLocation"] = {"artifactLocation": _artifact(view.file(finding.source)), "region": region}
    return location


def _artifact(file: str) -> dict[str, str]:
    uri = quote(file, safe="/", errors="backslashreplace")
    if file.startswith("/"):
        return {"uri": f"file://{uri}"}
    return {"uri": uri, "uriBaseId": _ROOT}


def _failed(failure: Failure) -> dict[str, Any]:
    text = f"{failure.target} could not be checked: {failure.message}"
    return {"level": "error", "message": _message(f"{text}\n{failure.hint}" if failure.hint else text)}


def _undecided(skipped: Skipped) -> dict[str, Any]:
    return {
        "level": "note",
        "message": _message(f"{skipped.rule} could not be decided on {skipped.target}: {skipped.reason}"),
        "associatedRule": {"id": skipped.rule},
    }


def _message(text: str) -> dict[str, str]:
    """A message in which nothing is a link, or a place for readers to fill in (``{0}``)."""
    return {"text": _PLACEHOLDER.sub(r"{{\1}}", plain(text, lines=True).replace("](", "] ("))}
