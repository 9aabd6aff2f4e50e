"""The report as a table."""

from __future__ import annotations

from modinspect.render.table import View, table_text
from modinspect.report import Report


def render(report: Report, view: View) -> str:
    """The table without styles, in UTF-8, as wide as text that goes into a file."""
    return table_text(report, view=view, encoding="utf-8")
