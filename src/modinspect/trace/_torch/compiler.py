"""Keeps the compiler out of a recorded forward: compiled code runs as Python, and importing the compiler goes unseen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import torch

from modinspect.trace._torch.dispatch_keys import PreserveDispatchKeys, set_meta_included
from modinspect.trace._torch.modes import (
    EnableTorchFunction,
    function_mode_count,
    pop_function_mode,
    push_function_mode,
    without_dispatch_modes,
)
from modinspect.trace._torch.private import PrivateUse

USES = (PrivateUse("torch._dynamo", "The compiler's module. Its import is watched, never started: it takes a second."),)

_COMPILER = "torch._dynamo"


@contextmanager
def eagerly() -> Iterator[None]:
    """Runs compiled code as the Python it was made from, so that its calls can be recorded.

    ``torch.compiler.set_stance`` imports the compiler, which takes a second. So it is called only if the compiler has been
    imported already, or when something in the forward imports it (``torch.compile``, checkpoints and transforms do).
    """
    with ExitStack() as stack:

        def run_eagerly() -> None:
            stack.enter_context(torch.compiler.set_stance("force_eager"))

        if _COMPILER in sys.modules:
            run_eagerly()
        else:
            stack.enter_context(_when_imported(run_eagerly))
        yield


@contextmanager
def _when_imported(then: Callable[[], None]) -> Iterator[None]:
    """Calls ``then`` after the compiler has been imported inside the block. The import itself runs under no mode.

    torch 2.6 computes tensors during this import and looks at the active modes.
    """
    finder = _Finder(then)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The compiler's spec, with a loader that sets the modes aside; ``None`` for all other modules."""
        spec = PathFinder.find_spec(name, path, target) if name == _COMPILER else None
        if spec is not None and spec.loader is not None:
            _load_without_modes(spec.loader, self._then)
        return spec


def _load_without_modes(loader: Loader, then: Callable[[], None]) -> None:
    execute: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        with _no_modes():
            execute(module)
            then()

    loader.exec_module = exec_module  # type: ignore[method-assign]


@contextmanager
def _no_modes() -> Iterator[None]:
    """Sets aside this thread's modes and enables what they have disabled: the import has modes of its own.

    The import may be started inside a shape rule, where meta kernels are included.
    """
    functions = [pop_function_mode() for _ in range(function_mode_count())]
    try:
        with EnableTorchFunction(), PreserveDispatchKeys(), without_dispatch_modes():
            set_meta_included(False)
            yield
    finally:
        for mode in reversed(functions):
            push_function_mode(mode)
