"""The report as JSON, in the order of its fields."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from modinspect.report import Report

_WIDEST_LINE = 128


def render_json(report: Report) -> str:
    """The report as JSON: ASCII alone, so that any console and any file takes it, and what fits in a line is in one.

    JSON has no word for numbers that are not finite; they stand as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    return "".join(_write(_finite(report.to_dict()), "")) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _write(value: Any, indent: str) -> Iterator[str]:
    """Objects and lists that are too long for a line get a line for each of their items."""
    if not value or not isinstance(value, (dict, list)):
        yield json.dumps(value, allow_nan=False)
        return
    # The outermost objects are long: measuring each would write everything once for every level.
    if indent:
        line = json.dumps(value, allow_nan=False)
        if len(indent) + len(line) <= _WIDEST_LINE:
            yield line
            return
    deeper = indent + "  "
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield opening
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for number, (key, item) in enumerate(items):
        yield f"{',' if number else ''}\n{deeper}"
        if key is not None:
            yield f"{json.dumps(key)}: "
        yield from _write(item, deeper)
    yield f"\n{indent}{closing}"
