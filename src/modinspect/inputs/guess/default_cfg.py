"""``pretrained_cfg`` and ``default_cfg`` with an ``input_size`` (timm): one image of that size."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from modinspect.inputs.guess.attribute import attribute
from modinspect.inputs.values import Inputs, generator


def guess(model: nn.Module) -> Inputs | None:
    """A batch of one random image ``(1, C, H, W)``."""
    for name in ("pretrained_cfg", "default_cfg"):
        size = _input_size(attribute(model, name))
        if size:
            image = torch.randn((1, *size), generator=generator(), device="cpu", dtype=torch.float32)
            return Inputs((image,), {}, f"input_size in {name} of {type(model).__name__}")
    return None


def _input_size(config: Any) -> tuple[int, ...] | None:
    """The ``input_size`` of a dict, or of an object with that attribute."""
    size = config.get("input_size") if isinstance(config, dict) else getattr(config, "input_size", None)
    if isinstance(size, (tuple, list)) and size and all(isinstance(n, int) and n > 0 for n in size):
        return tuple(size)
    return None
