"""Completions for the shell."""

from __future__ import annotations


def rule_ids(incomplete: str) -> list[tuple[str, str]]:
    """The ids of rules that begin so, with their names; after a comma, the next one of a list."""
    from modinspect.linter import CATALOG

    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{rule.id}", rule.name) for rule in CATALOG if rule.id.startswith(last.upper())]
