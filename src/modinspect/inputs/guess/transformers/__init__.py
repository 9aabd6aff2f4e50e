"""Guesses inputs from what a transformers model documents about itself: its configuration and its docstrings."""

from __future__ import annotations

from modinspect.inputs.guess.transformers.forward import guess

__all__ = ["guess"]
