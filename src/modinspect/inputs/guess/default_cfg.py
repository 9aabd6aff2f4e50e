"""``pretrained_cfg`` and ``default_cfg`` with an ``input_size`` (timm): one image of that size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.guess.attribute import attribute
from modinspect.inputs.values import Inputs, generator


def guess(model: nn.Module, _: Ask) -> Iterator[Inputs]:
    """A batch of one random image ``(1, C, H, W)``."""
    for name in _NAMES:
        size = _input_size(attribute(model, name))
        if size:
            image = torch.randn((1, *size), generator=generator(), device="cpu", dtype=torch.float32)
            yield Inputs((image,), {}, f"input_size in {name} of {type(model).__name__}")
            return


def input_size(model: nn.Module) -> tuple[int, ...] | None:
    """Channels, height and width that the model says, ``None`` where it does not."""
    return next((size for name in _NAMES if (size := _input_size(attribute(model, name)))), None)


_NAMES = ("pretrained_cfg", "default_cfg")


def _input_size(config: Any) -> tuple[int, ...] | None:
    """The ``input_size`` of a dict, or of an object with that attribute."""
    size = config.get("input_size") if isinstance(config, dict) else getattr(config, "input_size", None)
    if isinstance(size, (tuple, list)) and size and all(isinstance(n, int) and n > 0 for n in size):
        return tuple(size)
    return None
