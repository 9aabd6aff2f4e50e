"""Helpers for messages: near misses, lists of names, printable text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LONGEST = 100  # longer words aren't misspelt names, and comparing them is slow
_ALIKE = 0.7  # allows a letter or two to differ
_TELLING = 3  # characters needed for a match by prefix


def nearest(word: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """The names in ``known`` that are similar to ``word``, the closest first, or that start with it, the shortest first.

    Ignores case.

    Args:
        word: which was asked for
        known: names that there are
        limit: how many to return at most
    """
    if len(word) > _LONGEST:
        return ()
    spelled: dict[str, str] = {}
    for name in known:
        spelled.setdefault(name.lower(), name)
    close = difflib.get_close_matches(word.lower(), spelled, n=limit, cutoff=_ALIKE)
    longer = [name for name in spelled if len(word) >= _TELLING and name.startswith(word.lower())]
    return tuple(spelled[match] for match in close or sorted(longer, key=len)[:limit])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean 'a' or 'b'?``; empty if no name is close."""
    close = nearest(word, known)
    return f"Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


PACKAGE_DIRECTORIES = ("site-packages", "dist-packages")
"""Where libraries are installed. The one list of these names."""


def from_package_on(file: str) -> str:
    """The path of an installed file from its package on (``torch/nn/functional.py``); other paths unchanged."""
    file = file.replace("\\", "/")
    for directory in PACKAGE_DIRECTORIES:
        file = file.rpartition(f"{directory}/")[2]
    return file


def listed(names: Sequence[str], *, limit: int = 10) -> str:
    """``a, b, c``, or ``a, b and 3 more`` for a long list."""
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def printable(text: str) -> str:
    """``text`` with control codes escaped, without quotes around it."""
    return text if text.isprintable() else repr(text)[1:-1]


def sentences(*parts: str) -> str:
    """Joins the non-empty parts."""
    return " ".join(part for part in parts if part)
