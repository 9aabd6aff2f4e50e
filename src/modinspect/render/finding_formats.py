"""The formats of ``lint``: each writes what linting came to as text that ends in a line break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from modinspect.lint.result import LintReport
from modinspect.render.findings import FindingsView
from modinspect.render.findings_json import render_findings
from modinspect.render.findings_text import findings_text
from modinspect.render.github import render_github
from modinspect.render.junit import render_junit
from modinspect.render.sarif import render_sarif


def _text(report: LintReport, _view: FindingsView) -> str:
    return findings_text(report).plain


def _json(report: LintReport, _view: FindingsView) -> str:
    return render_findings(report)


FINDING_FORMATS: Mapping[str, Callable[[LintReport, FindingsView], str]] = MappingProxyType(
    {"text": _text, "json": _json, "github": render_github, "sarif": render_sarif, "junit": render_junit}
)
"""What ``lint --format`` can be."""
