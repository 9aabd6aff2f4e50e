"""Building a model whose parameters have a shape but no memory.

Each parameter is moved to ``meta`` as it is registered; buffers and loose tensors stay real, as constructors look at values.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SMALL = 2**22
"""Elements up to which tensors are made for real: 16 MiB of float32."""


class Aliases:
    """The parameters as they were made, for as long as anybody holds them, with what was registered instead."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[weakref.ref[Tensor], nn.Parameter]] = {}

    def add(self, made: Tensor, registered: nn.Parameter) -> None:
        """``registered`` stands for ``made``."""
        self._made[id(made)] = (weakref.ref(made), registered)

    def get(self, made: Tensor) -> nn.Parameter | None:
        """What was registered instead of ``made``."""
        entry = self._made.get(id(made))
        return entry[1] if entry is not None and entry[0]() is made else None

    def alive(self) -> Iterator[tuple[Tensor, nn.Parameter]]:
        """The parameters that somebody still holds as they were made."""
        for reference, registered in self._made.values():
            made = reference()
            if made is not None:
                yield made, registered


@contextmanager
def without_memory() -> Iterator[Aliases]:
    """Modules built inside keep their parameters without memory: one parameter's memory at a time, and no initialisation."""
    original = nn.Module.register_parameter
    thread = threading.get_ident()
    aliases = Aliases()

    def register_parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if type(param) is nn.Parameter and not param.is_meta and threading.get_ident() == thread:
            weightless = aliases.get(param)
            if weightless is None:
                weightless = _without_memory(param)
                aliases.add(param, weightless)
            param = weightless
        original(self, name, param)

    nn.Module.register_parameter = register_parameter  # type: ignore[method-assign]
    try:
        with _LargeOnMeta():
            yield aliases
    finally:
        nn.Module.register_parameter = original  # type: ignore[method-assign]


def _without_memory(param: nn.Parameter) -> nn.Parameter:
    empty = torch.empty_strided(param.size(), param.stride(), dtype=param.dtype, device="meta")
    weightless = nn.Parameter(empty, requires_grad=param.requires_grad)
    weightless.__dict__.update(param.__dict__)
    return weightless


class _LargeOnMeta(TorchFunctionMode):
    """Makes large tensors on ``meta`` from the start and fills none there: what would be thrown away costs no time."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES and kwargs.get("device") is None and elements(args, kwargs) > SMALL:
            kwargs = {**kwargs, "device": "meta"}
        if func in _FILLS or _initialises(func):
            filled = kwargs.get("tensor", args[0] if args else None)
            if isinstance(filled, Tensor) and filled.is_meta:
                return filled
        return func(*args, **kwargs)


def _initialises(func: Any) -> bool:
    """Whether ``func`` is one of ``torch.nn.init``, or what somebody (transformers) has put in the place of one."""
    name = getattr(func, "__name__", None)
    return getattr(func, "__module__", None) == "torch.nn.init" or (
        name is not None and getattr(torch.nn.init, name, None) is func
    )


_FILLS = frozenset(getattr(Tensor, f"{name}_") for name in ("normal", "uniform", "zero", "fill"))
_FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full})


def elements(args: Any, kwargs: dict[str, Any]) -> int:
    """How many elements a factory with these arguments makes, as far as they say; 0 where they don't."""
    size = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
    try:
        return math.prod(int(dim) for dim in size)
    except (TypeError, ValueError):
        return 0
