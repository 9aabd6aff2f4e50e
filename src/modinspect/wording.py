"""Words for messages: near misses, lists of names, text that is safe to print."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LONGEST = 100  # nobody means a name by a longer word, and comparing it would take long
_ALIKE = 0.7  # a letter or two in a word
_TELLING = 3  # letters that say what a word was to become


def nearest(word: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """The names in ``known`` that look like ``word``, the closest first, or that begin with it, the shortest first.

    Upper and lower case are the same.

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
    """``Did you mean 'a' or 'b'?``, or nothing where no name is close."""
    close = nearest(word, known)
    return f"Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


PACKAGE_DIRECTORIES = ("site-packages", "dist-packages")
"""Where libraries are installed. The one list of these names."""


def from_package_on(file: str) -> str:
    """``torch/nn/functional.py`` for a file of an installed package, the same on each machine; others as they are."""
    file = file.replace("\\", "/")
    for directory in PACKAGE_DIRECTORIES:
        file = file.rpartition(f"{directory}/")[2]
    return file


def listed(names: Sequence[str], *, limit: int = 10) -> str:
    """``a, b, c``; the tail of a long list is only counted."""
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def printable(text: str) -> str:
    """``text``, with control codes and the like as escapes, for where quotes around it would be wrong."""
    return text if text.isprintable() else repr(text)[1:-1]


def sentences(*parts: str) -> str:
    """The parts that say something, in one line."""
    return " ".join(part for part in parts if part)
