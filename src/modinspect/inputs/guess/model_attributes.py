"""Reads optional attributes of models."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn


def attribute(model: nn.Module, name: str) -> Any:
    """The attribute; ``None`` if it doesn't exist.

    An ``AttributeError`` raised inside a property is raised; ``nn.Module.__getattr__`` would report it as missing.
    """
    try:
        return getattr(model, name)
    except AttributeError:
        if isinstance(inspect.getattr_static(type(model), name, None), property):
            raise
        return None


def input_size(model: nn.Module) -> tuple[str, tuple[int, ...]] | None:
    """The ``input_size`` of a model of timm, ``(C, H, W)``, and the attribute that holds it; ``None`` if there is none."""
    for name in ("pretrained_cfg", "default_cfg"):
        config = attribute(model, name)
        size = config.get("input_size") if isinstance(config, dict) else getattr(config, "input_size", None)
        if isinstance(size, (tuple, list)) and size and all(isinstance(n, int) and n > 0 for n in size):
            return name, tuple(size)
    return None
