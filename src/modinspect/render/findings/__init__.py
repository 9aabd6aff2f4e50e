"""Formats of a lint report."""

from __future__ import annotations

from modinspect.render.findings.merged import FindingsView
from modinspect.render.findings.text import findings_text

__all__ = ["FindingsView", "findings_text"]
