"""Calls of ``autograd.Function``, whose names no mode of torch's tells, while a forward is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from types import FrameType, FunctionType
from typing import Any

import torch


@contextmanager
def functions_go_through(apply: Callable[..., Any]) -> Iterator[None]:
    """Calls of ``autograd.Function`` go through ``apply``: no mode of torch's tells their names.

    Models keep ``swish = Swish.apply`` for later, and would not call another function in its place: so it gets other code.
    """
    method = torch.autograd.Function.__dict__["apply"]
    function: Any = getattr(method, "__func__", None)
    if function is None or function.__code__.co_freevars != _Seen.apply.__code__.co_freevars:
        with _method_goes_through(method, apply):
            yield
        return
    code, before = function.__code__, getattr(function, "seen_by", None)
    if before is None:
        original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    else:  # in a process that was forked while another thread recorded
        original = before.args[0]
    function.seen_by = partial(apply, original)
    function.__code__ = _Seen.apply.__code__
    try:
        yield
    finally:
        function.__code__ = code
        if before is None:
            del function.seen_by
        else:
            function.seen_by = before


@contextmanager
def _method_goes_through(method: Any, apply: Callable[..., Any] | None) -> Iterator[None]:
    """The same where it is written in C (torch 2.15): a model calls it under any name, and it calls ``forward``."""
    kind: Any = torch.autograd.Function
    calls = _Calls()

    def original(cls: type, *args: Any, **kwargs: Any) -> Any:
        with calls.by_name(cls):
            return _applied(method.__get__(None, cls), args, kwargs)

    def seen(cls: type, *args: Any, **kwargs: Any) -> Any:
        tell = apply  # which another thread may end
        return original(cls, *args, **kwargs) if tell is None else tell(original, cls, args, kwargs)

    def forward_of(cls: Any) -> Callable[..., Any]:
        forward = cls.forward
        own = 1 if cls.setup_context == torch.autograd.function._SingleLevelFunction.setup_context else 0  # its context

        @wraps(forward)  # torch asks for its signature
        def seen_inside(*args: Any, **kwargs: Any) -> Any:
            tell = apply
            if not calls.come_to_forward(cls) or tell is None:
                return forward(*args, **kwargs)
            return tell(lambda _, *given, **kwargs: _applied(forward, (*args[:own], *given), kwargs), cls, args[own:], kwargs)

        return seen_inside

    stand_ins = [
        (cls, staticmethod(forward_of(cls)), _Told(cls._backward_cls, partial(calls.begin, cls))) for cls in _functions()
    ]
    try:
        with ExitStack() as stack:
            for cls, forward, backward in stand_ins:
                stack.enter_context(_attribute(cls, "forward", forward))
                stack.enter_context(_attribute(cls, "_backward_cls", backward))
            stack.enter_context(_attribute(kind, "apply", classmethod(seen)))
            yield
    finally:
        apply = None  # for those that have kept ``seen``: it keeps nothing


class _Calls:
    """Tells the calls of ``forward`` that stand for a call of ``apply``: under a name that was kept, not by its own.

    A ``forward`` may also be called by that of another class, or by anybody; but ``apply`` asks the class for its
    ``_backward_cls`` first.
    """

    def __init__(self) -> None:
        self._by_name: set[tuple[int, type]] = set()  # (thread, class) of each that has not begun yet
        self._begun: set[tuple[int, type]] = set()  # of each of the others that has not come to ``forward`` yet

    @contextmanager
    def by_name(self, cls: type) -> Iterator[None]:
        call = (threading.get_ident(), cls)
        self._by_name.add(call)
        try:
            yield
        finally:
            self._by_name.discard(call)

    def begin(self, cls: type) -> None:
        call = (threading.get_ident(), cls)
        if call in self._by_name:
            self._by_name.discard(call)
            self._begun.discard(call)  # one that raised before it came to ``forward``
        else:
            self._begun.add(call)

    def come_to_forward(self, cls: type) -> bool:
        call = (threading.get_ident(), cls)
        begun = call in self._begun
        self._begun.discard(call)
        return begun


def _applied(run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Whatever a call of ``apply`` runs, where that is written in C."""
    return run(*args, **kwargs)


class _Told:
    """An attribute of a class that tells when it is asked for."""

    def __init__(self, value: Any, tell: Callable[[], None]) -> None:
        self._value, self._tell = value, tell

    def __get__(self, instance: object, owner: type) -> Any:
        self._tell()
        return self._value


def _functions() -> Iterator[Any]:
    """Each subclass of ``autograd.Function`` that there is."""
    waiting = list(torch.autograd.Function.__subclasses__())
    while waiting:
        yield waiting[-1]
        waiting.extend(waiting.pop().__subclasses__())


@contextmanager
def _attribute(home: type, name: str, value: Any) -> Iterator[None]:
    """Gives a class an attribute of its own, and afterwards what it had."""
    had, before = name in vars(home), vars(home).get(name)
    setattr(home, name, value)
    try:
        yield
    finally:
        if had:
            setattr(home, name, before)
        else:
            delattr(home, name)


class _Seen:
    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Code for ``autograd.Function.apply``, whose ``__class__`` it gets."""
        apply: Any = __class__.apply.__func__  # type: ignore[name-defined]
        seen_by = getattr(apply, "seen_by", None)
        # Another thread may be here when the inspection ends: by now the function has its own code again.
        return apply(cls, *args, **kwargs) if seen_by is None else seen_by(cls, args, kwargs)


_APPLIES = (_Seen.apply.__code__, _applied.__code__)


def inside_a_function(frame: FrameType | None) -> bool:
    """Whether ``frame`` is inside the ``apply`` of an ``autograd.Function``, in a forward that is recorded."""
    while frame is not None:
        if frame.f_code in _APPLIES:
            return True
        frame = frame.f_back
    return False
