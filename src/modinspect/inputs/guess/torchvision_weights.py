"""Sizes from the ``transforms`` of the weights that torchvision publishes for a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

from torch import nn

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.tensors import floats
from modinspect.inputs.values import Inputs
from modinspect.registered import parameters

_SIDE = 224
_FRAMES = 16
_FLOW = (520, 960)
"""Height and width for models of optical flow, whose transforms don't resize."""


def guess(model: nn.Module, _: Ask) -> Iterator[Inputs]:
    """One image, a clip of video, a list of one image for detection, or a pair of images for optical flow."""
    weights = _weights_of(model)
    if weights is None:
        return
    how = f"the transforms of torchvision's {weights}"
    transforms = weights.transforms()
    task = type(transforms).__name__
    size = _sizes(transforms)
    if task == "OpticalFlow":
        yield Inputs((floats(1, 3, *_FLOW), floats(1, 3, *_FLOW)), {}, how)
    elif task == "ObjectDetection":
        yield Inputs(([floats(3, *_detected(model)).abs().clamp(max=1)],), {}, how)
    elif task == "VideoClassification":
        yield Inputs((floats(1, 3, max(_FRAMES, weights.meta.get("min_temporal_size", 1)), *size),), {}, how)
    else:
        yield Inputs((floats(1, 3, *size),), {}, how)


def _weights_of(model: nn.Module) -> Any:
    """The weights published with the model's class whose number of parameters is closest to the model's."""
    home = type(model).__module__
    if not home.startswith("torchvision.models."):
        return None
    beside = [one for module in (home, *_siblings(home)) for one in _published(module)]
    params = sum(parameter.numel() for parameter in parameters(model))
    return min(beside, key=lambda one: abs(one.meta.get("num_params", 0) - params), default=None)


def _published(module: str) -> Iterator[Any]:
    """The members of the weight enums defined in a module."""
    for value in vars(sys.modules[module]).values():
        if isinstance(value, type) and issubclass(value, Enum) and value.__module__ == module:
            yield from (one for one in value if hasattr(one, "meta") and hasattr(one, "transforms"))


def _siblings(home: str) -> list[str]:
    package = home.rpartition(".")[0]
    return [name for name in sorted(sys.modules) if name.startswith(f"{package}.") and name != home]


def _sizes(transforms: Any) -> tuple[int, int]:
    """Height and width of the crop, or of the resized image if there is no crop."""
    found = list(getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size", None) or [_SIDE])
    return found[0], found[-1]


def _detected(model: nn.Module) -> tuple[int, int]:
    """The size to which a detector resizes its images: a fixed size, or the shorter side."""
    own = getattr(model, "transform", None)
    fixed = getattr(own, "fixed_size", None)
    if fixed:
        return fixed[1], fixed[0]
    shorter = getattr(own, "min_size", (800,))
    return shorter[-1], shorter[-1]
