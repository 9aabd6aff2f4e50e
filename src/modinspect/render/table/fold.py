"""Finds what repeats in a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_PERIOD = 64
_LEAST_SAVED = 2
_TRIES = 8
"""How many later places of the same key are tried as the beginning of the next round."""


@dataclass(frozen=True, slots=True)
class Run:
    """``times`` rounds of ``period`` items each, from ``start``."""

    start: int
    period: int
    times: int


def find_runs(keys: Sequence[int], weights: Sequence[int], longest_period: int = _LONGEST_PERIOD) -> list[Run]:
    """Cuts a sequence into runs; what repeats is one run, everything else is a run of one item.

    At each place the period that covers the most is taken. Runs that would spare too few rows stay as they are.

    Args:
        keys: equal keys are equal items.
        weights: the rows that each item takes.
        longest_period: rounds longer than this are not looked for.
    """
    following = _next_places(keys)
    runs = []
    start = 0
    while start < len(keys):
        run = _best(keys, weights, following, start, longest_period)
        runs.append(run)
        start += run.period * run.times
    return runs


def _next_places(keys: Sequence[int]) -> list[int]:
    """For each place the next one with the same key; the length of the sequence where there is none."""
    places = [len(keys)] * len(keys)
    last: dict[int, int] = {}
    for index in range(len(keys) - 1, -1, -1):
        places[index] = last.get(keys[index], len(keys))
        last[keys[index]] = index
    return places


def _best(keys: Sequence[int], weights: Sequence[int], following: Sequence[int], start: int, longest: int) -> Run:
    best = Run(start, 1, 1)
    again = following[start]
    for _ in range(_TRIES):
        period = again - start
        if again == len(keys) or period > longest:
            break
        run = Run(start, period, _matching(keys, start, period) // period + 1)
        if run.times * period > best.times * best.period and _saved(run, weights) >= _LEAST_SAVED:
            best = run
        again = following[again]
    return best


def _matching(keys: Sequence[int], start: int, period: int) -> int:
    count = 0
    while start + period + count < len(keys) and keys[start + count] == keys[start + period + count]:
        count += 1
    return count


def _saved(run: Run, weights: Sequence[int]) -> int:
    """What folding spares in rows; rounds of several items need a row to stand under, and a second look to be understood."""
    one_round = sum(weights[run.start : run.start + run.period])
    return (run.times - 1) * one_round - 2 * (run.period > 1)
