"""Reads an attribute that a model may or may not have."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn


def attribute(model: nn.Module, name: str) -> Any:
    """The attribute, ``None`` where there is none.

    A property that raises ``AttributeError`` raises it here too; ``nn.Module`` says then that there is no such attribute.
    """
    try:
        return getattr(model, name)
    except AttributeError:
        if isinstance(inspect.getattr_static(type(model), name, None), property):
            raise
        return None
