"""Finds the tensors and modules inside lists, dictionaries and plain objects, where torch doesn't register them."""

from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from torch import Tensor, nn

from modinspect.registered import join, walk

DEEPEST = 4
"""Nested containers are searched to this depth."""

MOST = 100_000
"""At most so many objects are searched: a model may hold a data set."""

TORCHS_OWN = frozenset(vars(nn.Module()))
"""The attributes that ``nn.Module.__init__`` sets."""

_DEAD_ENDS = (
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    range,
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
)


def attributes(module: nn.Module) -> dict[str, Any]:
    """The attributes of ``module`` that its own code set."""
    return {name: value for name, value in vars(module).items() if name not in TORCHS_OWN} | in_slots(module)


def slots_of(value: object) -> list[types.MemberDescriptorType]:
    """The ``__slots__`` of the class of ``value`` and of its bases."""
    declaring = [cls for cls in type(value).__mro__ if "__slots__" in vars(cls)]
    return [slot for cls in declaring for slot in vars(cls).values() if isinstance(slot, types.MemberDescriptorType)]


def in_slots(value: object) -> dict[str, Any]:
    """The values in the slots of ``value``, by name; empty slots are left out."""
    found = {}
    for slot in slots_of(value):
        with suppress(AttributeError):  # empty
            found[slot.__name__] = slot.__get__(value)
    return found


def reachable(value: Any, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, object]]:
    """(name, object) of ``value`` and of each tensor, module, container and plain object inside.

    Of a module only its submodules are listed. Objects whose ``id`` is in ``seen`` are skipped, and new ones added to it.

    Args:
        value: where to start
        name: of ``value``
        depth: how many levels to go down
        seen: the ``id`` of objects to skip; new ones are added
    """
    if isinstance(value, Tensor):
        yield name, value
        return
    if value is None or isinstance(value, _DEAD_ENDS) or depth < 0 or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, nn.Module):
        for path, module in walk(value):
            seen.add(id(module))
            yield join(name, path) if path else name, module
        return
    yield name, value
    for key, item in _inside(value, name):
        yield from reachable(item, key, depth - 1, seen)


def _inside(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in list(value.items()):
            yield (f"{name}[{key!r}]" if isinstance(key, (str, int)) else f"{name}[...]"), item
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        for index, item in enumerate(list(value)):
            yield f"{name}[{index}]", item
    elif isinstance(value, types.MethodType):
        yield name, value.__self__
    elif isinstance(value, functools.partial):
        yield from _inside((*value.args, value.func), name)
        yield from ((f"{name}.{key}", item) for key, item in value.keywords.items())
    elif is_plain(value):
        for key, item in [*getattr(value, "__dict__", {}).items(), *in_slots(value).items()]:
            yield f"{name}.{key}", item


def is_plain(value: object) -> bool:
    """Whether ``value`` has attributes that can be set and its class is not from the standard library."""
    home = type(value).__module__.partition(".")[0]
    settable = type(getattr(value, "__dict__", None)) is dict or slots_of(value)
    return bool(settable) and home not in sys.stdlib_module_names
