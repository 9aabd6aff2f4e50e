"""``pretrained_cfg`` and ``default_cfg`` with an ``input_size`` (timm): one image of that size."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.guess.model_attributes import input_size
from modinspect.inputs.tensors import floats
from modinspect.inputs.values import Inputs


def guess(model: nn.Module, _: Ask) -> Iterator[Inputs]:
    """A batch of one random image ``(1, C, H, W)``."""
    size = input_size(model)
    if size is not None:
        attribute, shape = size
        yield Inputs((floats(1, *shape),), {}, f"input_size in {attribute} of {type(model).__name__}")
