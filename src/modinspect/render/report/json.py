"""The report as JSON."""

from __future__ import annotations

from modinspect.render.table import View
from modinspect.report import Report


def render(report: Report, _view: View | None = None) -> str:
    """The whole report, whatever the view."""
    return report.to_json()
