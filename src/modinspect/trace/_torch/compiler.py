"""The compiler under a forward that is recorded: what is compiled runs as Python, and its import is no part of the forward."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import torch
from torch.utils._python_dispatch import _disable_current_modes

_COMPILER = "torch._dynamo"


@contextmanager
def eagerly() -> Iterator[None]:
    """Compiled code runs as the Python that it was, so that it can be seen.

    What says so to the compiler imports it, which takes a second: so that is done where something else imports it, as whatever
    compiles does, and checkpoints and transforms.
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
    """Calls ``then`` when the compiler has been imported meanwhile. The import runs under no mode.

    In an older torch (2.6) it computes while it is imported, and looks which modes see it.
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
        """Where the compiler is, with a loader that sets the modes aside; ``None`` for all other modules."""
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
    """Sets aside the modes of this thread, and what they have switched off: the import has a mode of its own.

    A rule for shapes may be what imports it.
    """
    functions = [torch._C._pop_torch_function_stack() for _ in range(torch._C._len_torch_function_stack())]
    try:
        with torch._C._EnableTorchFunction(), torch._C._PreserveDispatchKeyGuard(), _disable_current_modes():
            torch._C._set_meta_in_tls_dispatch_include(False)
            yield
    finally:
        for mode in reversed(functions):
            torch._C._push_on_torch_function_stack(mode)
