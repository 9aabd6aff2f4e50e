"""Compares two reports."""

from __future__ import annotations

from modinspect.comparison.compare import diff
from modinspect.comparison.difference import Change, Difference, Facts, Section

__all__ = ["Change", "Difference", "Facts", "Section", "diff"]
