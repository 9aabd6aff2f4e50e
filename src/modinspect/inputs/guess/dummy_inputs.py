"""``dummy_inputs``, a dict of tensors by name (``transformers``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.guess.model_attributes import attribute
from modinspect.inputs.values import Inputs
from modinspect.signatures import signature_of


def guess(model: nn.Module, _: Ask) -> Iterator[Inputs]:
    """The model's ``dummy_inputs``, if ``forward`` takes them.

    All ``transformers`` models have the property; for images and audio it returns token ids, which ``forward`` doesn't take.
    """
    with _OnTheCpu():
        dummies = attribute(model, "dummy_inputs")
    if not isinstance(dummies, Mapping) or not _are_tensors(dummies):
        return
    main = attribute(model, "main_input_name")
    if (isinstance(main, str) and main not in dummies) or not _are_named(model, dummies) or _takes_more_than_text(model):
        return
    yield Inputs((), dict(dummies), f"dummy_inputs of {type(model).__name__}")


class _OnTheCpu(TorchFunctionMode):
    """Creates tensors on the CPU that a weightless model would create on ``meta``."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "meta":
            kwargs = {**kwargs, "device": "cpu"}
        return func(*args, **kwargs)


def _are_tensors(dummies: Mapping[Any, Any]) -> bool:
    return bool(dummies) and all(isinstance(k, str) for k in dummies) and any(isinstance(v, Tensor) for v in dummies.values())


def _are_named(model: nn.Module, dummies: Mapping[str, Any]) -> bool:
    """Whether ``forward`` has each as a named parameter; ``**kwargs`` accepts anything."""
    signature = signature_of(model.forward)
    return signature is None or all(name in signature.parameters for name in dummies)


def _takes_more_than_text(model: nn.Module) -> bool:
    """Whether the model also takes images or audio: token ids alone would be incomplete."""
    said = attribute(model, "input_modalities") or ()
    return not set((said,) if isinstance(said, str) else said) <= {"text"}
