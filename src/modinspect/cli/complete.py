"""Completions for the shell."""

from __future__ import annotations


def rule_ids(incomplete: str) -> list[tuple[str, str]]:
    """The rule ids that start with ``incomplete``, with their names. After a comma, the next id of a list."""
    from modinspect.linter import CATALOG

    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{rule.id}", rule.name) for rule in CATALOG if rule.id.startswith(last.upper())]
