"""The function mode under which a model is built without memory."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modinspect.trace._torch import READ_META_THEMSELVES, is_tracing, storage_of
from modinspect.trace.capture import SET_DATA, Sources, public_name
from modinspect.trace.model import flatten, map_tensors
from modinspect.trace.weightless.needs_values import NeedsValues, at_line
from modinspect.trace.weightless.replaced_parameters import ReplacedParameters

SMALL = 2**22
"""Tensors of up to so many elements are real: 16 MiB of float32."""

_DRAWN = 2**20
"""Initialisations of parameters draw up to so many random numbers, though nothing stores them: numbers drawn later are then the
same as with memory. Drawing more would take too long."""


class BuildMode(TorchFunctionMode):
    """Answers questions about parameters without memory, and creates large tensors on ``meta``.

    Numbers drawn after an initialisation that was skipped would differ from those drawn with memory, so they are not drawn
    either: such tensors are on ``meta``, too.

    Attributes:
        needed: the first :class:`NeedsValues`, which the constructor may have caught.
    """

    def __init__(self, replaced: ReplacedParameters) -> None:
        super().__init__()
        self.needed: NeedsValues | None = None
        self._replaced = replaced
        self._left_to_draw = _DRAWN
        self._skipped = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if is_tracing() and any(tensor.is_meta for _, tensor in flatten([args, kwargs])):
            raise self._need(func)  # torch.jit.trace reads values, and ends the process if there are none
        if func in _QUESTIONS and len(args) == 1 and not kwargs and args[0].is_meta:
            return self._answer(func, args[0])
        filled = kwargs.get("tensor", args[0] if args else None)
        if isinstance(filled, Tensor) and filled.is_meta and _fills(func):
            return self._fill(func, filled, args, kwargs)
        try:
            return self._create(func, args, kwargs)
        except Exception as error:
            tensors = [tensor for _, tensor in flatten([args, kwargs])]
            if not any(tensor.is_meta for tensor in tensors):
                raise
            if all(tensor.is_meta for tensor in tensors) or (_writes(func, kwargs) and not tensors[0].is_meta):
                raise self._need(func) from error
            return self._run_on_meta(func, args, kwargs)

    def _run_on_meta(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The result of a parameter and a real tensor has no memory either."""
        try:
            return func(*map_tensors(_to_meta, args), **map_tensors(_to_meta, kwargs))
        except Exception as error:
            raise self._need(func) from error

    def _answer(self, func: Any, tensor: Tensor) -> Any:
        """Says of a meta tensor what would be true with memory, except to code that treats meta tensors in its own way."""
        caller = sys._getframe(2).f_globals.get("__name__", "")
        if func == _IS_META and caller == "torch.nn.init":  # which then draws nothing
            self._skipped = True
        intended = self._replaced.asked_for_meta and not self._replaced.is_replacement(tensor)
        truth = intended or caller in READ_META_THEMSELVES or caller.startswith("modinspect.")
        return func(tensor) if truth else _QUESTIONS[func](tensor)

    def _need(self, func: Any) -> NeedsValues:
        if self.needed is None:
            self.needed = NeedsValues(f"{public_name(func)} needs the values of a parameter while the model is built")
            sources = Sources()
            self.needed.locate(at_line(sources.source(sources.find(sys._getframe(2)))))
        return self.needed

    def _fill(self, func: Any, filled: Tensor, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """Skips an initialisation, but draws its random numbers if they are few."""
        if func.__name__ in _NOT_RANDOM:
            return filled
        self._left_to_draw -= filled.numel()
        self._skipped = self._skipped or self._left_to_draw < 0
        size = [min(length, 2) for length in filled.size()] if self._skipped else filled.size()
        scratch = torch.empty(size, dtype=filled.dtype)  # a wrong call fails on a small tensor, too
        scratch.__dict__.update(filled.__dict__)  # libraries mark tensors that must not be initialised
        if args:
            func(scratch, *args[1:], **kwargs)
        else:
            func(**{**kwargs, "tensor": scratch})
        return filled

    def _create(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func is not torch.device and any(_is_meta_device(value) for value in (*args, kwargs.get("device"))):
            self._replaced.asked_for_meta = True
        elif func in _FACTORIES and torch.device(kwargs.get("device") or "cpu").type == "cpu":
            not_drawn = self._skipped and func in _RANDOM and kwargs.get("generator") is None
            if not_drawn or (func not in _RANDOM_LIKE and elements(args, kwargs) > SMALL):
                self._skipped = self._skipped or func in _RANDOM
                kwargs = {**kwargs, "device": "meta"}
        elif func == SET_DATA and args[0].is_meta and not args[1].is_meta and args[1].layout is torch.strided:
            args = (args[0], args[1].to("meta"))
        return func(*args, **kwargs)


def elements(args: Any, kwargs: dict[str, Any]) -> int:
    """How many elements a factory with these arguments creates; 0 if they don't say."""
    size = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
    try:
        return math.prod(int(dim) for dim in size)
    except (TypeError, ValueError):
        return 0


def _to_meta(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_meta else tensor.to("meta")


def _writes(func: Any, kwargs: dict[str, Any]) -> bool:
    """Whether ``func`` writes to its first argument (``add_``, ``__iadd__``, ``__setitem__``) or to ``out``."""
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    return in_place or name in _WRITING_OPERATORS or kwargs.get("out") is not None


def _is_meta_device(value: Any) -> bool:
    return value == "meta" if isinstance(value, str) else isinstance(value, torch.device) and value.type == "meta"


def _fills(func: Any) -> bool:
    """Whether ``func`` initialises a tensor: ``Tensor.normal_``, or a function in ``nn.init``."""
    if func in _FILLS or getattr(func, "__module__", None) == "torch.nn.init":
        return True
    name = getattr(func, "__name__", "")  # libraries replace functions of nn.init by their own
    return name.endswith("_") and getattr(nn.init, name, None) is func


_WRITING_OPERATORS = frozenset(
    ["__setitem__", *(f"__i{name}__" for name in "add sub mul div truediv floordiv mod pow and or xor lshift rshift".split())]
)
_IS_META = Tensor.is_meta.__get__  # type: ignore[attr-defined]
_QUESTIONS = {
    Tensor.device.__get__: lambda _: torch.device("cpu"),
    _IS_META: lambda _: False,
    Tensor.is_cpu.__get__: lambda _: True,  # type: ignore[attr-defined]
    Tensor.get_device: lambda _: -1,
    Tensor.type: lambda tensor: tensor.type().replace(".meta.", "."),
    # equal for tensors that share memory, and for no others
    Tensor.data_ptr: lambda tensor: (storage_of(tensor) or 0) + tensor.storage_offset() * tensor.element_size(),
}
_NOT_RANDOM = frozenset({"zero_", "fill_", "constant_", "zeros_", "ones_"})
_FILLS = frozenset(
    getattr(Tensor, f"{name}_")
    for name in "normal uniform random bernoulli exponential cauchy geometric log_normal zero fill".split()
)
_RANDOM_LIKE = frozenset({torch.rand_like, torch.randn_like, torch.randint_like})
_RANDOM = _RANDOM_LIKE | {torch.rand, torch.randn, torch.randint, torch.randperm}
_FACTORIES = _RANDOM | {torch.empty, torch.zeros, torch.ones, torch.full}
