"""Calls of ``autograd.Function`` while a forward is recorded: no mode sees which class is called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from types import FrameType, FunctionType
from typing import Any

import torch

from modinspect.patching import patched
from modinspect.trace._torch.private import Patch, PrivateUse

USES = (
    PrivateUse(
        "torch.autograd.function._SingleLevelFunction.setup_context",
        "Tells whether a function's `forward` takes a context.",
        since="2.14",
    ),
)

PATCHES = (
    Patch(
        "torch.autograd.Function.apply",
        "Records the call under the class's name. Up to torch 2.13 it is a Python function whose code object is replaced: that "
        "reaches a kept reference, too (`swish = Swish.apply`). From 2.14 on it is written in C and the attribute is replaced.",
    ),
    Patch("torch.autograd.Function.forward", "Records a call through a kept reference to `apply`, from torch 2.14 on."),
    Patch(
        "torch.autograd.function.FunctionMeta._backward_cls",
        "`apply` reads it before it calls `forward`, from torch 2.14 on. As a property of the metaclass it tells which class "
        "is called, so that only its `forward` is patched.",
    ),
)


@contextmanager
def function_calls_through(apply: Callable[..., Any]) -> Iterator[None]:
    """Sends calls of ``autograd.Function`` through ``apply(original, cls, args, kwargs)``.

    Models keep a reference to the method (``swish = Swish.apply``) that would not see a new attribute. So the method keeps its
    identity and its code object is replaced.
    """
    method = torch.autograd.Function.__dict__["apply"]
    function: Any = getattr(method, "__func__", None)
    if function is None or function.__code__.co_freevars != _Replacement.apply.__code__.co_freevars:
        with _c_method_through(method, apply):
            yield
        return
    code, before = function.__code__, getattr(function, "seen_by", None)
    if before is None:
        original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    else:  # this process was forked while another thread recorded
        original = before.args[0]
    function.seen_by = partial(apply, original)
    function.__code__ = _Replacement.apply.__code__
    try:
        yield
    finally:
        function.__code__ = code
        if before is None:
            del function.seen_by
        else:
            function.seen_by = before


@contextmanager
def _c_method_through(method: Any, apply: Callable[..., Any] | None) -> Iterator[None]:
    """The same where ``apply`` is written in C (torch 2.14): patches the ``forward`` that it calls, too."""
    kind: Any = torch.autograd.Function
    calls, thread = _Calls(), threading.get_ident()

    def original(cls: type, *args: Any, **kwargs: Any) -> Any:
        with calls.by_name(cls):
            return _applied(method.__get__(None, cls), args, kwargs)

    def by_name(cls: type, *args: Any, **kwargs: Any) -> Any:
        callback = apply  # another thread may end the run between the test and the call
        return original(cls, *args, **kwargs) if callback is None else callback(original, cls, args, kwargs)

    def forward_of(cls: Any) -> Callable[..., Any]:
        forward = cls.forward
        # the context is forward's first argument unless the class has a setup_context of its own
        own = 1 if cls.setup_context == torch.autograd.function._SingleLevelFunction.setup_context else 0

        @wraps(forward)  # torch asks for its signature
        def by_kept_reference(*args: Any, **kwargs: Any) -> Any:
            callback = apply
            if not calls.come_to_forward(cls) or callback is None:
                return forward(*args, **kwargs)
            return callback(
                lambda _, *given, **kwargs: _applied(forward, (*args[:own], *given), kwargs), cls, args[own:], kwargs
            )

        return by_kept_reference

    try:
        with ExitStack() as stack:

            def begin(cls: Any) -> None:
                if threading.get_ident() != thread:
                    return
                calls.begin(cls)
                if cls not in patched_forwards:
                    patched_forwards.add(cls)
                    stack.enter_context(patched(cls, "forward", staticmethod(forward_of(cls))))

            patched_forwards: set[type] = set()
            stack.enter_context(_reads_of_backward_class(begin))
            stack.enter_context(patched(kind, "apply", classmethod(by_name)))
            yield
    finally:
        apply = None  # a reference to ``by_name`` that outlives the run must not keep the recorder


@contextmanager
def _reads_of_backward_class(call: Callable[[type], None]) -> Iterator[None]:
    """Calls ``call(cls)`` when ``cls._backward_cls`` is read, for every subclass of ``autograd.Function``.

    A data descriptor of the metaclass comes before the attribute that each class has of its own.
    """
    descriptor = _BackwardClass(call)
    try:
        with patched(torch.autograd.function.FunctionMeta, "_backward_cls", descriptor):
            yield
    finally:
        descriptor.hand_over()


class _BackwardClass:
    def __init__(self, call: Callable[[type], None]) -> None:
        self._call: Callable[[type], None] | None = call
        self._of_new_classes: dict[type, Any] = {}

    def __get__(self, cls: type, metaclass: type) -> Any:
        if self._call is not None:
            self._call(cls)
        for base in cls.__mro__:
            if base in self._of_new_classes:
                return self._of_new_classes[base]
            if "_backward_cls" in vars(base):
                return vars(base)["_backward_cls"]
        raise AttributeError("_backward_cls")

    def __set__(self, cls: type, value: Any) -> None:
        self._of_new_classes[cls] = value

    def hand_over(self) -> None:
        """Gives the classes that were made meanwhile the attribute that they set themselves."""
        self._call = None
        for cls, value in self._of_new_classes.items():
            cls._backward_cls = value  # type: ignore[attr-defined]
        self._of_new_classes.clear()


class _Calls:
    """Tells which calls of ``forward`` come from a kept reference to ``apply``.

    A ``forward`` may also be called directly, or by that of another class. But ``apply`` reads the class's ``_backward_cls``
    first.
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
    """A frame of Python around a call of ``apply`` that is written in C, for :func:`is_inside_function`."""
    return run(*args, **kwargs)


class _Replacement:
    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """The code for ``autograd.Function.apply``; ``__class__`` is then ``Function``."""
        apply: Any = __class__.apply.__func__  # type: ignore[name-defined]
        seen_by = getattr(apply, "seen_by", None)
        # If another thread is here when the inspection ends, the function has its own code again.
        return apply(cls, *args, **kwargs) if seen_by is None else seen_by(cls, args, kwargs)


_APPLIES = (_Replacement.apply.__code__, _applied.__code__)


def is_inside_function(frame: FrameType | None) -> bool:
    """Whether ``frame`` runs inside the ``apply`` of an ``autograd.Function``, in a forward that is recorded."""
    while frame is not None:
        if frame.f_code in _APPLIES:
            return True
        frame = frame.f_back
    return False
