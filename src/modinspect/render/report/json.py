"""The report as JSON, in the order of its fields."""

from __future__ import annotations

import json
import math
from typing import Any

from modinspect.render.table import View
from modinspect.report import Report

_WIDEST_LINE = 128
_encode = json.JSONEncoder(allow_nan=False).encode


def render(report: Report, _view: View | None = None) -> str:
    """As :func:`render_json`: JSON is always the whole report."""
    return render_json(report)


def render_json(report: Report) -> str:
    """The report as JSON: ASCII alone, so that any console and any file takes it, and what fits in a line is in one.

    JSON has no word for numbers that are not finite; they stand as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    data = report.to_dict()
    pieces: list[str] = []
    try:
        _write(data, "", pieces)
    except ValueError:  # a number that is not finite; looking for them beforehand would take as long as the rest
        pieces = []
        _write(_finite(data), "", pieces)
    return "".join(pieces) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _write(value: Any, indent: str, pieces: list[str]) -> None:
    """Objects and lists that are too long for a line get a line for each of their items."""
    # The whole and its lists are too long for sure: trying would write everything once more for each level.
    line = _encode(value) if len(indent) > 2 or not value or not isinstance(value, (dict, list)) else None
    if line is not None and (len(indent) + len(line) <= _WIDEST_LINE or not isinstance(value, (dict, list))):
        pieces.append(line)
        return
    deeper = indent + "  "
    separator = f"\n{deeper}"
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    pieces.append(opening)
    for key, item in value.items() if isinstance(value, dict) else ((None, item) for item in value):
        pieces.append(separator if key is None else f"{separator}{_encode(key)}: ")
        _write(item, deeper, pieces)
        separator = f",\n{deeper}"
    pieces.append(f"\n{indent}{closing}")
