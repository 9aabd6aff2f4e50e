"""Formats of a report."""

from __future__ import annotations

from modinspect.render.report.html import render_html
from modinspect.render.report.json import render_json

__all__ = ["render_html", "render_json"]
