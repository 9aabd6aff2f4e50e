"""Small questions about the parts of a report."""

from __future__ import annotations

import re


def index_of(origin: str | None, kind: str) -> int | None:
    """The 12 of ``op:12`` if ``kind`` is ``op``; ``None`` for an origin of another kind."""
    found, _, index = (origin or "").partition(":")
    return int(index) if found == kind and re.fullmatch("[0-9]{1,18}", index) else None  # a saved report may hold anything
