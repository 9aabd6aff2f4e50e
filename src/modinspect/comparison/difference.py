"""A difference between two reports, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from modinspect.printing import printed
from modinspect.report import Literals

SCHEMA_VERSION = 1

Section: TypeAlias = Literal[
    "model", "inputs", "outputs", "modules", "ops", "parameters", "buffers", "unregistered", "totals", "error"
]
Facts: TypeAlias = Mapping[str, Literals]


class Change(Struct, frozen=True):
    """One thing that differs.

    ``before`` and ``after`` hold the facts that differ, by the names that they have in the report; ``before`` is ``None`` for
    what was added, ``after`` for what was removed, and the other one then holds all facts. ``module`` is the owner of an op.
    """

    section: Section
    name: str
    before: Facts | None
    after: Facts | None
    module: str | None = None

    @property
    def kind(self) -> Literal["added", "removed", "changed"]:
        """What happened."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


class Difference(Struct, frozen=True):
    """All that differs between two reports, true if anything does; ``before`` and ``after`` are their targets."""

    before: str
    after: str
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return printed(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, of nothing but dicts, lists, strings, numbers, booleans and ``None``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "before": self.before,
            "after": self.after,
            "changes": [
                {
                    "section": change.section,
                    "change": change.kind,
                    "name": change.name,
                    "module": change.module,
                    "before": None if change.before is None else dict(change.before),
                    "after": None if change.after is None else dict(change.after),
                }
                for change in self.changes
            ],
        }
