"""Results for people and for programs. Renderers read plain data and nothing else: no torch, no model.

The rooms: ``table`` (the table of a report), ``report``, ``findings``, ``comparison`` and ``rules`` (one module per format).
"""

from __future__ import annotations

from modinspect.render.formats import (
    DIFFERENCE_FORMATS,
    LINT_FORMATS,
    MEMORY_FORMATS,
    REPORT_FORMATS,
    RULE_FORMATS,
    Format,
    find_format,
    formats_help,
)
from modinspect.render.text import amount, cut_right, plain

__all__ = [
    "DIFFERENCE_FORMATS",
    "LINT_FORMATS",
    "MEMORY_FORMATS",
    "REPORT_FORMATS",
    "RULE_FORMATS",
    "Format",
    "amount",
    "cut_right",
    "find_format",
    "formats_help",
    "plain",
    "text_of",
]


def text_of(result: object) -> str:
    """What ``print(result)`` shows of a report, a lint report or a difference.

    Raises:
        TypeError: it is none of them.
    """
    from modinspect.comparison import Difference
    from modinspect.findings import LintReport
    from modinspect.render.comparison import diff_text
    from modinspect.render.findings import findings_text
    from modinspect.render.table import table_text
    from modinspect.report import Report

    if isinstance(result, Report):
        return table_text(result)
    if isinstance(result, LintReport):
        return findings_text(result).plain
    if isinstance(result, Difference):
        return diff_text(result).plain
    raise TypeError(f"no renderer for {type(result).__name__}")
