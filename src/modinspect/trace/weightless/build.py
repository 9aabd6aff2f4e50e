"""Building a model whose parameters have a shape but no memory.

Each parameter is moved to ``meta`` as it is registered; buffers and loose tensors stay real, as constructors look at values.
Constructors that ask a parameter where it is are told what they would be told with memory. Those that ask for its values can't
be answered: :class:`NeedsValues` is raised, and the model has to be built with its weights.
"""

from __future__ import annotations

import math
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modinspect.errors import RunError
from modinspect.report import Source
from modinspect.trace.capture.names import SET_DATA, public_name
from modinspect.trace.capture.sources import Sources
from modinspect.trace.model import flatten, map_tensors

SMALL = 2**22
"""Elements up to which tensors are made for real: 16 MiB of float32."""

_DRAWN = 2**20
"""Random numbers up to which those that would initialise parameters are drawn, though nobody reads them: what is drawn after
them is then what it is with memory. For more there is no time."""


class NeedsValues(BaseException):
    """A value was asked for that is not there without memory; ``str()`` says what asked, and where.

    It is no ``Exception``, as a model that catches those must not go on another way than it would.
    """

    located = False

    def locate(self, where: str) -> None:
        """Adds the line that asked, once: `` at model.py:12 (if x.sum() > 0:)``."""
        if not self.located:
            self.args = (f"{self}{where}",)
            self.located = True


class Aliases:
    """The parameters as they were made, for as long as anybody holds them, with what was registered instead.

    ``meta_meant`` says that the model itself asked for something on ``meta``.
    """

    def __init__(self) -> None:
        self.meta_meant = False
        self._made: dict[int, tuple[weakref.ref[Tensor], nn.Parameter]] = {}
        self._registered: dict[int, nn.Parameter] = {}

    def add(self, made: Tensor, registered: nn.Parameter) -> None:
        """``registered`` stands for ``made``."""
        self._made[id(made)] = (weakref.ref(made), registered)
        self._registered[id(registered)] = registered

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

    def is_registered(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` was registered in place of one with memory."""
        return id(tensor) in self._registered

    def foreign(self, model: nn.Module) -> Iterator[str]:
        """The parameters and buffers of ``model`` that are on ``meta`` though nobody moved them there to save memory."""
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.is_meta and not self.is_registered(tensor):
                yield name

    def registered(self) -> list[nn.Parameter]:
        """All that was registered in place of what has memory."""
        return list(self._registered.values())


@contextmanager
def without_memory() -> Iterator[Aliases]:
    """Modules built inside keep their parameters without memory: one parameter's memory at a time, and no initialisation.

    Raises:
        NeedsValues: what was built asked for the values of a parameter, whether or not it went on then.
    """
    thread = threading.get_ident()
    aliases = Aliases()
    mode = _Building(aliases)

    def weightless(param: nn.Parameter) -> nn.Parameter:
        known_kind = type(param) is nn.Parameter and param.layout is torch.strided
        if not known_kind or param.is_meta or threading.get_ident() != thread:
            return param
        made = aliases.get(param)
        if made is None:
            made = _without_memory(param)
            aliases.add(param, made)
        return made

    try:
        with _registering(weightless), mode:
            yield aliases
    except (Exception, NeedsValues):
        if mode.needed is not None:
            raise mode.needed from None
        raise
    if mode.needed is not None:
        raise mode.needed


@contextmanager
def within(limit: int | None, why: str, hint: str) -> Iterator[None]:
    """Stops building modules with memory where their parameters would take more than ``limit`` bytes; ``None`` is no limit.

    Raises:
        RunError: they would. ``why`` says why they are built so, ``hint`` what to do.
    """
    if limit is None:
        yield
        return
    seen: dict[int, weakref.ref[nn.Parameter]] = {}
    most = 0

    def counted(param: nn.Parameter) -> nn.Parameter:
        nonlocal most
        if not nn.parameter.is_lazy(param):
            most += _bytes(param)
            seen[id(param)] = weakref.ref(param)
            if most > limit:  # some may be gone again, or be there twice
                most = sum(_bytes(alive) for reference in seen.values() if (alive := reference()) is not None)
                if most > limit:
                    raise RunError(why, hint)
        return param

    with _registering(counted):
        yield


@contextmanager
def _registering(instead: Callable[[nn.Parameter], nn.Parameter]) -> Iterator[None]:
    """Modules register, meanwhile, what ``instead`` gives for a parameter."""
    original = nn.Module.register_parameter

    def register_parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        original(self, name, param if param is None else instead(param))

    nn.Module.register_parameter = register_parameter  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = original  # type: ignore[method-assign]


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _without_memory(param: nn.Parameter) -> nn.Parameter:
    with torch._C.DisableTorchFunction():
        empty = torch.empty_strided(param.size(), param.stride(), dtype=param.dtype, device="meta")
        weightless = nn.Parameter(empty, requires_grad=param.requires_grad)
    weightless.__dict__.update(param.__dict__)
    return weightless


class _Building(TorchFunctionMode):
    """Answers for parameters without memory, and makes large tensors on ``meta`` from the start.

    Initialising a parameter draws random numbers, and what is drawn later depends on that. Where it was left out, later ones
    are not drawn either: they are on ``meta``, too.
    """

    def __init__(self, aliases: Aliases) -> None:
        super().__init__()
        self.needed: NeedsValues | None = None
        self._aliases = aliases
        self._room = _DRAWN
        self._skipped = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch._C._is_tracing() and any(tensor.is_meta for _, tensor in flatten([args, kwargs])):
            raise self._need(func)  # tracing takes the values of parameters, and ends the process where there are none
        if func in _ASKS and len(args) == 1 and not kwargs and args[0].is_meta:
            return self._answer(func, args[0])
        filled = kwargs.get("tensor", args[0] if args else None)
        if isinstance(filled, Tensor) and filled.is_meta and _fills(func):
            return self._fill(func, filled, args, kwargs)
        try:
            return self._make(func, args, kwargs)
        except Exception as error:
            tensors = [tensor for _, tensor in flatten([args, kwargs])]
            if not any(tensor.is_meta for tensor in tensors):
                raise
            if all(tensor.is_meta for tensor in tensors) or (_writes(func, kwargs) and not tensors[0].is_meta):
                raise self._need(func) from error
            return self._without_memory(func, args, kwargs)

    def _without_memory(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What a parameter and a real tensor make together has no memory either."""
        try:
            return func(*map_tensors(_to_meta, args), **map_tensors(_to_meta, kwargs))
        except Exception as error:
            raise self._need(func) from error

    def _answer(self, func: Any, tensor: Tensor) -> Any:
        """What a tensor on ``meta`` is to say of itself: where it would be, but to what works on ``meta`` in its own way."""
        asks = sys._getframe(2).f_globals.get("__name__", "")
        if func == _IS_META and asks == "torch.nn.init":  # which then draws nothing
            self._skipped = True
        meant = self._aliases.meta_meant and not self._aliases.is_registered(tensor)
        own_way = asks in _OWN_WAY or asks.startswith("modinspect.")
        return func(tensor) if meant or own_way else _ASKS[func](tensor)

    def _need(self, func: Any) -> NeedsValues:
        if self.needed is None:
            self.needed = NeedsValues(f"{public_name(func)} needs the values of a parameter while the model is built")
            sources = Sources()
            self.needed.locate(at_line(sources.source(sources.find(sys._getframe(2)))))
        return self.needed

    def _fill(self, func: Any, filled: Tensor, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """Initialises nothing, but draws what random numbers that takes, if they are few."""
        if func.__name__ in _NOT_RANDOM:
            return filled
        self._room -= filled.numel()
        self._skipped = self._skipped or self._room < 0
        size = [min(length, 2) for length in filled.size()] if self._skipped else filled.size()
        scratch = torch.empty(size, dtype=filled.dtype)  # the errors of a call show on a small tensor, too
        scratch.__dict__.update(filled.__dict__)  # where a library marks what is not to be touched
        if args:
            func(scratch, *args[1:], **kwargs)
        else:
            func(**{**kwargs, "tensor": scratch})
        return filled

    def _make(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func is not torch.device and any(_is_meta_device(value) for value in (*args, kwargs.get("device"))):
            self._aliases.meta_meant = True
        elif func in _FACTORIES and torch.device(kwargs.get("device") or "cpu").type == "cpu":
            undrawn = self._skipped and func in _DRAW and kwargs.get("generator") is None
            if undrawn or (func not in _ALIKE and elements(args, kwargs) > SMALL):
                self._skipped = self._skipped or func in _DRAW
                kwargs = {**kwargs, "device": "meta"}
        elif func == SET_DATA and args[0].is_meta and not args[1].is_meta and args[1].layout is torch.strided:
            args = (args[0], args[1].to("meta"))
        return func(*args, **kwargs)


def at_line(source: Source | None) -> str:
    """`` at model.py:12 (if x.sum() > 0:)``; nothing where that is not known."""
    if source is None:
        return ""
    return f" at {source.file}:{source.line}" + (f" ({source.code})" if source.code else "")


def _to_meta(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_meta else tensor.to("meta")


def _writes(func: Any, kwargs: dict[str, Any]) -> bool:
    """Whether ``func`` writes to its first argument: ``add_``, ``__iadd__``, ``__setitem__``; or to what ``out`` says."""
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    return in_place or name in _WRITING_OPERATORS or kwargs.get("out") is not None


def _is_meta_device(value: Any) -> bool:
    return value == "meta" if isinstance(value, str) else isinstance(value, torch.device) and value.type == "meta"


def _fills(func: Any) -> bool:
    if func in _FILLS or getattr(func, "__module__", None) == "torch.nn.init":
        return True
    name = getattr(func, "__name__", "")  # libraries put functions of their own there, too
    return name.endswith("_") and getattr(nn.init, name, None) is func


_WRITING_OPERATORS = frozenset(
    ["__setitem__", *(f"__i{name}__" for name in "add sub mul div truediv floordiv mod pow and or xor lshift rshift".split())]
)
_OWN_WAY = frozenset({"torch.nn.init", "torch._tensor", "torch.nn.parameter"})
_IS_META = Tensor.is_meta.__get__  # type: ignore[attr-defined]
_ASKS = {
    Tensor.device.__get__: lambda _: torch.device("cpu"),
    _IS_META: lambda _: False,
    Tensor.is_cpu.__get__: lambda _: True,  # type: ignore[attr-defined]
    Tensor.get_device: lambda _: -1,
    Tensor.type: lambda tensor: tensor.type().replace(".meta.", "."),
    # alike for those that share memory, and for no others
    Tensor.data_ptr: lambda tensor: tensor.untyped_storage()._cdata + tensor.storage_offset() * tensor.element_size(),
}
_NOT_RANDOM = frozenset({"zero_", "fill_", "constant_", "zeros_", "ones_"})
_FILLS = frozenset(
    getattr(Tensor, f"{name}_")
    for name in "normal uniform random bernoulli exponential cauchy geometric log_normal zero fill".split()
)
_ALIKE = frozenset({torch.rand_like, torch.randn_like, torch.randint_like})
_DRAW = _ALIKE | {torch.rand, torch.randn, torch.randint, torch.randperm}
_FACTORIES = _DRAW | {torch.empty, torch.zeros, torch.ones, torch.full}


def elements(args: Any, kwargs: dict[str, Any]) -> int:
    """How many elements a factory with these arguments makes, as far as they say; 0 where they don't."""
    size = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
    try:
        return math.prod(int(dim) for dim in size)
    except (TypeError, ValueError):
        return 0
