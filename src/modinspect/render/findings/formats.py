"""The formats of ``lint``: each writes what linting came to as text that ends in a line break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from modinspect.findings import LintReport
from modinspect.render.findings.github import render_github
from modinspect.render.findings.json import render_findings
from modinspect.render.findings.junit import render_junit
from modinspect.render.findings.merged import FindingsView
from modinspect.render.findings.sarif import render_sarif
from modinspect.render.findings.text import findings_text


def _text(report: LintReport, _view: FindingsView) -> str:
    return findings_text(report).plain


def _json(report: LintReport, _view: FindingsView) -> str:
    return render_findings(report)


FINDING_FORMATS: Mapping[str, Callable[[LintReport, FindingsView], str]] = MappingProxyType(
    {"text": _text, "json": _json, "github": render_github, "sarif": render_sarif, "junit": render_junit}
)
"""What ``lint --format`` can be."""
