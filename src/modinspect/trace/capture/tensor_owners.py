"""Finds what holds an unregistered tensor or module: an attribute, a global, a closure."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from modinspect.trace.capture.sources import Sources
from modinspect.trace.model import DEEPEST, MOST, Registry, attributes, join, reachable


class TensorOwners:
    """Searches attributes, globals and closures; most models never need it."""

    def __init__(self, registry: Registry, sources: Sources) -> None:
        self._registry = registry
        self._sources = sources
        self._attributes: dict[int, tuple[object, str]] | None = None

    def find(self, wanted: object, frame: types.FrameType | None) -> tuple[str, str] | None:
        """(name, role) of the owner of ``wanted``: ``("scale", "attribute")``, ``("TABLE", "global")``; ``None`` if not found.

        ``frame`` is where ``wanted`` was used: the globals and closures of it and its callers are searched.
        """
        if self._attributes is None:
            self._attributes = {id(item): (item, name) for name, item in self._walk_attributes()}
        found = self._attributes.get(id(wanted))
        if found is not None and found[0] is wanted:
            return found[1], "attribute"
        while (frame := self._sources.frame(frame)) is not None:
            for role, name, value in _variables(frame):
                for inside, item in reachable(value, name, DEEPEST - 2, set()):
                    if item is wanted:
                        return inside, role
            frame = frame.f_back
        return None

    def _walk_attributes(self) -> Iterator[tuple[str, object]]:
        seen: set[int] = {id(module) for module in self._registry.modules.values()}
        budget = MOST
        for path, module in self._registry.modules.items():
            own = attributes(module)
            for cls in type(module).__mro__:
                if cls.__module__.startswith("torch.") or cls is object:
                    break
                own = {**_class_attributes(cls), **own}
            for name, value in own.items():
                for found in reachable(value, join(path, name), DEEPEST, seen):
                    yield found
                    budget -= 1
                    if not budget:
                        return


def _class_attributes(cls: type) -> dict[str, Any]:
    """What may hold tensors in a class: its attributes, and the defaults of its methods (``forward.table``)."""
    found: dict[str, Any] = {}
    for name, value in vars(cls).items():
        if isinstance(value, (Tensor, list, tuple, dict)):
            found[name] = value
        elif isinstance(value, types.FunctionType) and (value.__defaults__ or value.__kwdefaults__):
            code, defaults = value.__code__, value.__defaults__ or ()
            arguments = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
            by_name = {**dict(zip(arguments, defaults, strict=True)), **(value.__kwdefaults__ or {})}
            found |= {f"{name}.{argument}": default for argument, default in by_name.items()}
    return found


def _variables(frame: types.FrameType) -> Iterator[tuple[str, str, Any]]:
    """(role, name, value) of the globals and closure variables that the code of ``frame`` names."""
    yield from (("closure", name, value) for name, value in _closure(frame).items())
    names = frame.f_code.co_names
    for name in names:
        value = frame.f_globals.get(name)
        if isinstance(value, types.ModuleType):
            inside = vars(value)
            yield from (
                ("global", f"{name}.{inner}", inside[inner]) for inner in names if isinstance(inside.get(inner), Tensor)
            )
        elif value is not None:
            yield "global", name, value


def _closure(frame: types.FrameType) -> dict[str, Any]:
    """The closure variables of a function's frame."""
    names = frame.f_code.co_freevars
    if not names or not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return {}
    variables = frame.f_locals
    found = {name: variables[name] for name in names if name in variables}
    # Up to Python 3.12 this is a copy that the frame keeps, and with it what its variables were at this moment. Two hold it:
    # the frame and this function; a third would be the frame's own code, which has called locals().
    if isinstance(variables, dict) and sys.getrefcount(variables) <= 3:
        variables.clear()
    return found
