"""Findings of a lint rule, as plain data."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct, to_builtins

from modinspect.report import Source

Severity: TypeAlias = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""From the worst to the mildest."""


class Finding(Struct, frozen=True):
    """One thing that a rule objects to.

    ``modules`` says how many modules it concerns; ``module`` is the first of them. ``suppressed_by`` says what suppressed it.
    ``fingerprint`` stays the same when the line moves.
    """

    rule: str
    name: str
    severity: Severity
    message: str
    target: str
    module: str
    source: Source | None
    suppressed: bool = False
    modules: int = 1
    suppressed_by: Literal["comment", "baseline"] | None = None
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        data: dict[str, Any] = to_builtins(self)
        return data


class Skipped(Struct, frozen=True):
    """A rule that could not be decided on a model, and why."""

    rule: str
    target: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        data: dict[str, Any] = to_builtins(self)
        return data
