"""Replaces an attribute for a while and puts back exactly what was there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Sets ``owner.name`` to ``value`` inside the block.

    Only the owner's own ``__dict__`` counts: descriptors are put back unbound, and an attribute that was inherited is
    deleted from the owner instead of being copied into it.

    Args:
        owner: a class, a module or an object that has a ``__dict__``.
        name: the attribute to replace.
        value: what it is inside the block.
    """
    own = vars(owner)
    inherited, before = name not in own, own.get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
