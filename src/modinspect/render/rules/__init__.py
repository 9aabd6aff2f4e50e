"""Formats of the rules of lint."""

from __future__ import annotations

from modinspect.render.rules.markdown import rule_index, rule_markdown
from modinspect.render.rules.text import draw, rule_list, rule_page

__all__ = ["draw", "rule_index", "rule_list", "rule_markdown", "rule_page"]
