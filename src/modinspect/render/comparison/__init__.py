"""Formats of a difference between two reports."""

from __future__ import annotations

from modinspect.render.comparison.text import diff_text

__all__ = ["diff_text"]
