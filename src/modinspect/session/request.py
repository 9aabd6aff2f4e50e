"""What the user asked for: which target, how it is built and what it is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """A target and how to run it, as the command line, the configuration or a caller of the Python API says it.

    Args:
        target: ``pkg.mod:Class`` or another form of target.
        inputs: specs such as ``1,10``; empty to ask the model itself.
        input_fn: a function that returns the inputs, ``pkg.mod:make``.
        init: further arguments of the constructor, by name.
        device: ``auto``, ``weightless``, ``weightless:cuda``, or a device for a run with real weights.
        arguments: arguments of ``forward`` that aren't tensors, by name.
        dtype: of parameters and floating inputs; ``None`` for what the model has.
    """

    target: str
    inputs: tuple[str, ...] = ()
    input_fn: str | None = None
    init: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    dtype: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
