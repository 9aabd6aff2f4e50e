"""Reports for people and for programs. Renderers read a report and nothing else: no torch, no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from modinspect.comparison import Difference
from modinspect.findings import LintReport
from modinspect.render.comparison import diff_text
from modinspect.render.findings import findings_text
from modinspect.render.report import render_html, render_json
from modinspect.render.table import ReportTable, View, render_table, table_text
from modinspect.report import Report

__all__ = ["FORMATS", "ReportTable", "View", "render_html", "render_json", "render_table", "table_text", "text_of"]


def text_of(result: object) -> str:
    """What ``print(result)`` shows of a report, a lint report or a difference.

    Raises:
        TypeError: it is none of them.
    """
    if isinstance(result, Report):
        return table_text(result)
    if isinstance(result, LintReport):
        return findings_text(result).plain
    if isinstance(result, Difference):
        return diff_text(result).plain
    raise TypeError(f"no renderer for {type(result).__name__}")


def _text(report: Report, view: View) -> str:
    return table_text(report, view=view)


def _json(report: Report, _view: View) -> str:
    return render_json(report)


FORMATS: Mapping[str, Callable[[Report, View], str]] = MappingProxyType({"text": _text, "json": _json, "html": render_html})
"""What ``--format`` can be: each writes a report as text that ends in a line break. JSON is always the whole report."""
