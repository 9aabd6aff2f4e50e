"""Builds the model from an imported target."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from modinspect.errors import TargetError
from modinspect.target.calling import call
from modinspect.target.defaults import how_to_give
from modinspect.target.evaluation import evaluate
from modinspect.target.importing import importable_cwd
from modinspect.target.parse import Target
from modinspect.target.scope import Scope
from modinspect.wording import listed


@dataclass(frozen=True)
class Factory:
    """An imported target and the arguments to build it with.

    Args:
        target: the parsed target.
        obj: an ``nn.Module`` class, a function that returns a module, or a module.
        args: positional arguments, as data (:mod:`modinspect.target.expressions`).
        kwargs: keyword arguments, as data.
        directories: must be importable, like the working directory, while its code runs (:func:`importable_cwd`).
        notes: decisions made for the user.
        scope: the modules whose names the arguments can use.
    """

    target: Target
    obj: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    directories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scope: Scope = field(default_factory=lambda: Scope(()))

    def build(self) -> nn.Module:
        """Calls the class or function. An existing module is returned as it is.

        Raises:
            TargetError: the arguments don't fit, the call raised, or it didn't return a module.
        """
        if isinstance(self.obj, nn.Module):
            return self.obj
        path = self.target.path
        if inspect.isabstract(self.obj):
            methods = listed(sorted(self.obj.__abstractmethods__))
            raise TargetError(f"{path!r} is an abstract class (abstract in it: {methods})", "Name a subclass.")
        with importable_cwd(*self.directories):
            args, kwargs = evaluate(self.args, self.scope), evaluate(self.kwargs, self.scope)
            built = call(
                self.obj,
                args,
                kwargs,
                doing=f"building {path!r}",
                name=path,
                missing=lambda found, _: how_to_give(found.missing, self.obj, self.scope),
            )
        if isinstance(built, nn.Module):
            return built
        raise TargetError(f"{path!r} returned {_what(built)}, expected nn.Module", _how_to_return(built))


def _how_to_return(built: object) -> str:
    if built is None:
        return "Is a return statement missing?"
    if isinstance(built, type) and issubclass(built, nn.Module):
        return "It returned the class, not an instance: return a call of it."
    if inspect.iscoroutine(built):
        built.close()  # or Python warns that it was never awaited
        return "It is async; name a plain function."
    inside = _module_inside(built)
    return f"It contains one at [{inside!r}]: name a function that returns only that." if inside is not None else ""


def _module_inside(built: object) -> object | None:
    items = enumerate(built) if isinstance(built, (list, tuple)) else built.items() if isinstance(built, Mapping) else ()
    return next((key for key, value in items if isinstance(value, nn.Module)), None)


def _what(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return type(value).__name__
