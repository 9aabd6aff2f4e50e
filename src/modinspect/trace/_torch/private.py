"""The record of each private part of torch, next to its use; ``docs/torch-internals.md`` is made of these records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PrivateUse:
    """One private part of torch that a file of this room uses. A test compares these records with the code.

    Attributes:
        name: the name from ``torch`` on (``torch._C._is_tracing``), or ``Class._attribute`` for an attribute of objects.
        why: why the public API will not do.
        since: the first torch version that needs or has it; empty if all supported versions do.
        until: the last torch version that needs or has it; empty if the newest one does.
    """

    name: str
    why: str
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Patch:
    """An attribute of torch, public or not, that is replaced while a forward is recorded or a model is built.

    Attributes:
        name: the name from ``torch`` on.
        why: what the replacement is for.
    """

    name: str
    why: str
