"""Lets ``modinspect.lint(...)`` and ``modinspect.diff(...)`` work although there are modules of these names.

Python binds a submodule to its package when it is imported, in place of a function of the same name.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(module: str, function: Callable[..., Any]) -> None:
    """Makes the module of that name do what ``function`` does when it is called."""

    class CallableModule(ModuleType):
        __signature__ = inspect.signature(function)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    sys.modules[module].__class__ = CallableModule
