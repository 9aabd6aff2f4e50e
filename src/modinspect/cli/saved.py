"""Saved reports: what ``show --format json`` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modinspect.errors import ReportError

if TYPE_CHECKING:
    from modinspect.report import Report

_MAKE_ONE = "Save a report with: modinspect show TARGET --format json --output report.json"


def is_saved_report(target: str) -> bool:
    """Whether a target can only be meant as the file of a report."""
    return target.strip().endswith(".json")


def read_report(file: str) -> Report:
    """A saved report.

    Args:
        file: its name.

    Raises:
        ReportError: the file can't be read, or isn't a report.
    """
    from modinspect.report import Report

    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeEncodeError) as error:  # the latter is about the name
        reason = getattr(error, "strerror", None) or error
        raise ReportError(f"can't read {file!r}: {reason}", _MAKE_ONE) from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{file!r} isn't valid JSON: {error}", _MAKE_ONE) from error
    try:
        return Report.from_json(text)
    except ReportError as error:
        raise ReportError(f"{file!r}: {error.message}", error.hint) from error
