"""Standing between the model and the calls that no mode of torch's sees, for as long as a forward is recorded."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@contextmanager
def functionals_go_through(mode: TorchFunctionMode) -> Iterator[None]:
    """Functions of torch that are written in Python (``F.relu``) go to ``mode`` on a short way, where it is asked next.

    ``handle_torch_function`` looks first for operands with a class of their own, and then enters a context for the mode: that
    takes longer than a small op itself. The mode's own call finds such operands all the same.
    """
    original = torch.overrides.handle_torch_function
    thread = threading.get_ident()

    def handle(public_api: Callable[..., Any], relevant_args: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and torch._C._len_torch_function_stack():
            top = torch._C._pop_torch_function_stack()
            try:
                if top is mode:
                    return mode.__torch_function__(public_api, (), args, kwargs)
            finally:
                torch._C._push_on_torch_function_stack(top)
        return original(public_api, relevant_args, *args, **kwargs)

    torch.overrides.get_overridable_functions()  # torch remembers which functions it finds, and must not find this one
    try:
        with stands_in((torch.nn.functional, torch.functional, torch._tensor), "handle_torch_function", original, handle):
            yield
    finally:
        mode = None  # type: ignore[assignment]  # for those that have kept ``handle``: it keeps nothing


@contextmanager
def modules_go_through(stand_in: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Calls of modules go through what ``stand_in`` makes of ``nn.Module.__call__``, those of unregistered modules too.

    Global hooks would do, but they send each call the long way through ``Module._call_impl``, which takes as long again as a
    small layer; and what the model's own hooks do runs outside of them.
    """
    original = nn.Module.__call__
    with stands_in((nn.Module,), "__call__", original, stand_in(original)):
        yield


@contextmanager
def parameters_go_through(pass_on: Callable[[Tensor, Tensor], None] | None) -> Iterator[None]:
    """Parameters that are made of tensors are told to ``pass_on``: no mode of torch's sees that."""
    original = nn.Parameter.__dict__["__new__"]

    def seen(cls: type, data: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        made = original.__func__(cls, data, *args, **kwargs)
        tell = pass_on  # which another thread may end
        if data is not None and tell is not None:
            tell(made, data)
        return made

    nn.Parameter.__new__ = seen  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Parameter.__new__ = original  # type: ignore[method-assign]
        pass_on = None  # for those that have kept ``seen``: it keeps nothing


@contextmanager
def stands_in(homes: Iterable[Any], name: str, original: Any, stand_in: Any) -> Iterator[None]:
    """Puts ``stand_in`` in the place of ``original``, which is the attribute ``name`` of all ``homes``.

    Modules that are imported meanwhile may note it for later (``torch._dynamo`` does so with ``nn.Module.__call__``): they are
    given the original, too.
    """
    loaded = len(sys.modules)
    for home in homes:
        setattr(home, name, stand_in)
    try:
        yield
    finally:
        for home in homes:
            setattr(home, name, original)
        if len(sys.modules) != loaded:
            _replace_in_modules(stand_in, original)


def _replace_in_modules(stand_in: Any, original: Any) -> None:
    for module in list(sys.modules.values()):
        variables = getattr(module, "__dict__", None)
        if isinstance(variables, dict):
            for name in [name for name, value in list(variables.items()) if value is stand_in]:
                variables[name] = original
