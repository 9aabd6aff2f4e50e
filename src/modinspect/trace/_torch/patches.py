"""Replaces the functions of torch whose calls no mode sees, or sees too slowly."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modinspect.patching import patched
from modinspect.trace._torch.modes import DisableTorchFunction, function_mode_count, pop_function_mode, push_function_mode
from modinspect.trace._torch.private import Patch, PrivateUse

USES = (PrivateUse("torch._tensor", "One of the modules whose functions call `handle_torch_function`."),)

PATCHES = (
    Patch(
        "torch.overrides.handle_torch_function",
        "Takes torch's Python-level functions (`F.relu`) straight to the recorder. The original looks at all operands and "
        "enters a context manager first, which takes three times as long as a small op.",
    ),
    Patch(
        "torch.nn.Module.__call__",
        "Records calls of modules, unregistered ones included. Global hooks would send each call through the long branch of "
        "`Module._call_impl`, and would end before the module's own hooks run.",
    ),
    Patch("torch.nn.Module.register_parameter", "Replaces or counts parameters while a model is built."),
    Patch(
        "torch.jit.ScriptFunction.__call__",
        "Gives scripted functions tensors without memory where real ones would be on another device. They call nothing that a "
        "function mode sees.",
    ),
    Patch("torch.nn.Parameter.__new__", "Records of which tensor a parameter is made, which no mode sees."),
)


@contextmanager
def dispatch_functionals_to(mode: TorchFunctionMode) -> Iterator[None]:
    """Dispatches torch's Python-level functions (``F.relu``) straight to ``mode`` when it is on top of the stack.

    ``handle_torch_function`` first looks for operands with a class of their own and then enters a context for the mode, which
    takes longer than a small op. When the mode calls the function, such operands are found all the same.
    """
    original = torch.overrides.handle_torch_function
    thread = threading.get_ident()

    def handle(public_api: Callable[..., Any], relevant_args: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and function_mode_count():
            top = pop_function_mode()
            try:
                if top is mode:
                    return mode.__torch_function__(public_api, (), args, kwargs)
            finally:
                push_function_mode(top)
        return original(public_api, relevant_args, *args, **kwargs)

    torch.overrides.get_overridable_functions()  # torch caches the functions it finds, which must not include the patch
    try:
        with _patched_everywhere(
            (torch.nn.functional, torch.functional, torch._tensor), "handle_torch_function", original, handle
        ):
            yield
    finally:
        mode = None  # type: ignore[assignment]  # a reference to ``handle`` that outlives the run must not keep the recorder


@contextmanager
def module_calls_through(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Replaces ``nn.Module.__call__`` by ``wrap(original)``.

    Global forward hooks would see the same calls, but send each through ``Module._call_impl``, which takes as long as a small
    layer; and the model's own hooks would run outside of them.
    """
    original = nn.Module.__call__
    with _patched_everywhere((nn.Module,), "__call__", original, wrap(original)):
        yield


@contextmanager
def on_new_parameter(call: Callable[[Tensor, Tensor], None] | None) -> Iterator[None]:
    """Calls ``call(parameter, data)`` for each parameter that is made of a tensor."""
    original = nn.Parameter.__dict__["__new__"]

    def new(cls: type, data: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        parameter = original.__func__(cls, data, *args, **kwargs)
        callback = call  # another thread may end the run between the test and the call
        if data is not None and callback is not None:
            callback(parameter, data)
        return parameter

    try:
        with patched(nn.Parameter, "__new__", new):
            yield
    finally:
        call = None  # a reference to ``new`` that outlives the run must not keep the recorder


@contextmanager
def registered_parameters_through(change: Callable[[nn.Parameter], nn.Parameter]) -> Iterator[None]:
    """Modules register ``change(parameter)`` in place of each parameter."""
    original = nn.Module.register_parameter

    def register_parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        original(self, name, param if param is None else change(param))

    with patched(nn.Module, "register_parameter", register_parameter):
        yield


@contextmanager
def scripted_arguments_through(change: Callable[[Any], Any]) -> Iterator[None]:
    """Scripted functions called by this thread get ``change(argument)`` in place of each argument."""
    original = torch.jit.ScriptFunction.__call__
    thread = threading.get_ident()

    def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread:
            with DisableTorchFunction():
                args = tuple(map(change, args))
                kwargs = {name: change(value) for name, value in kwargs.items()}
        return original(function, *args, **kwargs)

    with patched(torch.jit.ScriptFunction, "__call__", call):
        yield


@contextmanager
def _patched_everywhere(owners: Iterable[Any], name: str, original: Any, replacement: Any) -> Iterator[None]:
    """Patches the attribute ``name`` of all ``owners``, which is ``original``.

    Modules imported inside the block may copy the replacement (``torch._dynamo`` does so with ``nn.Module.__call__``). They are
    given the original afterwards.
    """
    loaded = len(sys.modules)
    try:
        with ExitStack() as stack:
            for owner in owners:
                stack.enter_context(patched(owner, name, replacement))
            yield
    finally:
        if len(sys.modules) != loaded:
            _replace_in_modules(replacement, original)


def _replace_in_modules(replacement: Any, original: Any) -> None:
    for module in list(sys.modules.values()):
        variables = getattr(module, "__dict__", None)
        if isinstance(variables, dict):
            for name in [name for name, value in list(variables.items()) if value is replacement]:
                variables[name] = original
