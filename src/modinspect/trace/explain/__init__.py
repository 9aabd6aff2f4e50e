"""Explains a failed call in one sentence."""

from modinspect.trace.explain.layers import explain, explain_call

__all__ = ["explain", "explain_call"]
