"""Chooses the sentence that explains a failure."""

from __future__ import annotations

from modinspect.trace.explain import layer_functions, losses, mixed_tensors, tensor_functions
from modinspect.trace.explain.failed_call import FailedCall

_SENTENCES = (
    *mixed_tensors.DEVICE_SENTENCES,
    *layer_functions.SENTENCES,
    *losses.SENTENCES,
    *tensor_functions.SENTENCES,
    *mixed_tensors.DTYPE_SENTENCES,
)
"""Asked in this order; the first that knows the reason answers."""


def explain(failed: FailedCall) -> str | None:
    """One sentence on why an op failed; ``None`` if no reason is plain."""
    for sentence_of in _SENTENCES:
        sentence = sentence_of(failed)
        if sentence is not None:
            return sentence
    return None
