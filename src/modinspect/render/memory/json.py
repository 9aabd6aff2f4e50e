"""A memory report as JSON."""

from __future__ import annotations

import json

from modinspect.memory import MemoryReport


def render(report: MemoryReport, _options: None = None) -> str:
    """The report as an object."""
    return json.dumps(report.to_dict(), indent=2) + "\n"
