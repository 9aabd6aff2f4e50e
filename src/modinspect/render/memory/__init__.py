"""Formats of a memory report."""

from __future__ import annotations

from modinspect.render.memory.text import memory_text

__all__ = ["memory_text"]
