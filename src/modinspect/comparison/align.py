"""Which items of one sequence are which of another: as many as can be, in order."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

Run: TypeAlias = tuple[int, int, int]
"""(start in the first sequence, start in the second, length) of a stretch that is in both."""

_Way: TypeAlias = "tuple[_Way, Run] | None"
"""The runs on a way through both sequences: the last one, behind those before it."""

_MOST_EDITS = 1_000
"""Where more items than this stand in one sequence alone, the longest runs are looked for instead of the most items: those
would take the square of this number of steps."""

_MOST_COMPARISONS = 4_000_000
"""Where two sequences could take more than this for their longest runs, items that repeat all over begin none."""


def aligned(before: list[Any], after: list[Any]) -> list[Run]:
    """The runs that are in both, in order; ``aligned(after, before)`` finds the same ones.

    Args:
        before: items that can be hashed and ordered.
        after: the same.
    """
    if (len(after), after) < (len(before), before):
        return [(i, j, size) for j, i, size in _aligned(after, before)]
    return _aligned(before, after)


def _aligned(before: list[Any], after: list[Any]) -> list[Run]:
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    end_a, end_b = len(before) - tail, len(after) - tail
    middle = _middle(before[head:end_a], after[head:end_b])
    runs = [(0, 0, head), *((head + i, head + j, size) for i, j, size in middle), (end_a, end_b, tail)]
    return [run for run in runs if run[2]]


def _alike(a: list[Any], b: list[Any]) -> int:
    """How many items the two begin with alike."""
    shorter = min(len(a), len(b))
    return next((i for i in range(shorter) if a[i] != b[i]), shorter)


def _middle(a: list[Any], b: list[Any]) -> list[Run]:
    in_a, in_b = Counter(a), Counter(b)
    if sum(((in_a - in_b) + (in_b - in_a)).values()) <= _MOST_EDITS:
        numbers = {item: number for number, item in enumerate({**in_a, **in_b})}
        most = _most([numbers[item] for item in a], [numbers[item] for item in b])
        if most is not None:
            return most
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=len(a) * len(b) > _MOST_COMPARISONS)
    return [(block.a, block.b, block.size) for block in matcher.get_matching_blocks()]


def _most(a: list[int], b: list[int]) -> list[Run] | None:
    """The runs that leave the fewest items over, ``None`` where that are too many: Myers' greedy algorithm.

    With each round one more item is left over. ``furthest`` holds how far in ``a`` that leads, for each lead of ``a`` over
    ``b``.
    """
    furthest: dict[int, tuple[int, _Way]] = {1: (0, None)}
    nowhere = (-1, None)
    for edits in range(min(len(a) + len(b), _MOST_EDITS) + 1):
        for lead in range(max(-edits, edits - 2 * len(b)), min(edits, 2 * len(a) - edits) + 1, 2):
            from_a, from_b = furthest.get(lead - 1, nowhere), furthest.get(lead + 1, nowhere)
            at, way = from_b if from_a[0] < from_b[0] else (from_a[0] + 1, from_a[1])
            start = at
            while at < len(a) and at - lead < len(b) and a[at] == b[at - lead]:
                at += 1
            if at > start:
                way = (way, (start, start - lead, at - start))
            furthest[lead] = at, way
            if at >= len(a) and at - lead >= len(b):
                return list(_from_the_start(way))
    return None


def _from_the_start(way: _Way) -> Iterator[Run]:
    runs = []
    while way is not None:
        way, run = way
        runs.append(run)
    return reversed(runs)
