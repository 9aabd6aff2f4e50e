"""``dummy_inputs``, a dict of tensors by name (``transformers``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from modinspect.inputs.guess.attribute import attribute
from modinspect.inputs.values import Inputs
from modinspect.signatures import signature_of


def guess(model: nn.Module) -> Inputs | None:
    """What the model names, if it is what ``forward`` is about.

    Every model of ``transformers`` has the property, those for images and sound too, where it gives token ids all the same.
    """
    dummies = attribute(model, "dummy_inputs")
    if not isinstance(dummies, Mapping) or not _are_tensors(dummies):
        return None
    main = attribute(model, "main_input_name")
    if (isinstance(main, str) and main not in dummies) or not _are_named(model, dummies):
        return None
    return Inputs((), dict(dummies), f"dummy_inputs of {type(model).__name__}")


def _are_tensors(dummies: Mapping[Any, Any]) -> bool:
    return bool(dummies) and all(isinstance(k, str) for k in dummies) and any(isinstance(v, Tensor) for v in dummies.values())


def _are_named(model: nn.Module, dummies: Mapping[str, Any]) -> bool:
    """Whether ``forward`` names each of them itself: ``**kwargs`` would swallow anything."""
    signature = signature_of(model.forward)
    return signature is None or all(name in signature.parameters for name in dummies)
