"""Findings as JSON."""

from __future__ import annotations

import json

from modinspect.findings import LintReport
from modinspect.render.findings.merged import FindingsView


def render(report: LintReport, _view: FindingsView | None = None) -> str:
    """The findings as JSON, in ASCII alone, so that any console and any file takes it."""
    return json.dumps(report.to_dict(), indent=2) + "\n"
