"""Findings as annotations of GitHub Actions: lines that its runner reads from the log.

The format and its escapes follow GitHub's documentation, "Workflow commands for GitHub Actions", and ``@actions/core``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modinspect.findings import Failure, LintReport, Severity
from modinspect.render.findings.merged import FindingsView, Merged, merged, modules_of
from modinspect.render.text import plain

_COMMANDS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: LintReport, view: FindingsView) -> str:
    """One line for each finding that nothing suppresses, and for each model that could not be checked."""
    return "".join(f"{line}\n" for line in _lines(report, view))


def _lines(report: LintReport, view: FindingsView) -> Iterator[str]:
    for failure in report.failures:
        yield _command("error", {"title": "modinspect"}, _told(failure))
    for found in merged(report.open):
        yield _annotation(found, view)


def _annotation(found: Merged, view: FindingsView) -> str:
    finding, properties = found.finding, {}
    if finding.source is not None:
        properties = {"file": view.file(finding.source), "line": str(finding.source.line)}
    properties["title"] = f"{finding.rule} {finding.name}"
    concerned = ", ".join(part for part in (*found.targets, modules_of(finding)) if part)
    return _command(_COMMANDS[finding.severity], properties, f"{finding.message} ({concerned})")


def _told(failure: Failure) -> str:
    hint = f"\n{failure.hint}" if failure.hint else ""
    return f"{failure.target} could not be checked: {failure.message}{hint}"


def _command(name: str, properties: Mapping[str, str], message: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {told}::{_data(message)}"


def _data(text: str) -> str:
    return plain(text, lines=True).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(plain(text)).replace(":", "%3A").replace(",", "%2C")
