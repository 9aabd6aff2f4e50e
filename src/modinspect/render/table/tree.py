"""A tree of rows, with what repeats in it folded, walked without recursion: models nest a thousand levels deep."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modinspect.render.table.fold import Run, find_runs

_NUMBER = re.compile(r"([0-9]+)")
_NAMESAKE = re.compile(r"#[0-9]+$")
"""What sets things found under one name apart; the first of them has none."""
_DEEPEST_GUIDE = 64
"""Deeper levels are told by their number, not drawn."""


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a row in the tree.

    ``goes_on`` says of each ancestor below the root, outermost first, whether siblings follow it, down to the 64th; ``parent``
    is the node above the row, ``None`` at the top.
    """

    level: int
    goes_on: tuple[bool, ...]
    last: bool
    parent: int | None


@dataclass(frozen=True, slots=True)
class Spot:
    """One row to be. ``nodes`` are all its nodes, in order; for a round, the nodes of its first item.

    ``times`` is how many come in a row, and ``round_of`` how many items follow a row for rounds, 0 for a node.
    """

    nodes: tuple[int, ...]
    times: int
    round_of: int
    place: Place


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes are numbers; equal ``keys`` mean equal subtrees."""

    roots: Sequence[int]
    children: Mapping[int, Sequence[int]]
    keys: Mapping[int, int]
    weights: Mapping[int, int]


def grow(roots: Sequence[int], children: Mapping[int, Sequence[int]], labels: Mapping[int, Hashable]) -> Tree:
    """The tree with a key for each subtree: nodes have equal keys when they and all below them have equal labels.

    Args:
        roots: the nodes at the top
        children: the nodes below each node
        labels: of all nodes
    """
    keys: dict[int, int] = {}
    weights: dict[int, int] = {}
    known: dict[Hashable, int] = {}
    for node in reversed(list(_walk(roots, children))):
        below = children.get(node, ())
        label = (labels[node], tuple(keys[child] for child in below))
        keys[node] = known.setdefault(label, len(known))
        weights[node] = 1 + sum(weights[child] for child in below)
    return Tree(roots, children, keys, weights)


def _walk(roots: Sequence[int], children: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Parents before their children."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children.get(node, ())))


def lay_out(tree: Tree, *, fold: bool) -> Iterator[Spot]:
    """The rows from top to bottom. Folded siblings are one row; below it stands what the first of them holds."""
    waiting = [*reversed(list(_spots(tree, tree.roots, None, fold=fold)))]
    while waiting:
        spot, inside = waiting.pop()
        yield spot
        below: list[tuple[Spot, _Inside]]
        if inside is not None:
            below = list(_round_spots(tree, inside, spot))
        else:
            below = list(_spots(tree, tree.children.get(spot.nodes[0], ()), spot, fold=fold))
        waiting.extend(reversed(below))


_Inside = Sequence[Sequence[int]] | None
"""The rounds that stand under a row, each a sequence of nodes."""


def _goes_on(spot: Spot) -> tuple[bool, ...]:
    return (*spot.place.goes_on, not spot.place.last)[:_DEEPEST_GUIDE] if spot.place.level else ()


def _spots(tree: Tree, nodes: Sequence[int], above: Spot | None, *, fold: bool) -> Iterator[tuple[Spot, _Inside]]:
    goes_on, level, parent = ((), 0, None) if above is None else (_goes_on(above), above.place.level + 1, above.nodes[0])
    runs = _runs(tree, nodes) if fold else [Run(index, 1, 1) for index in range(len(nodes))]
    for run in runs:
        stop = run.start + run.period * run.times
        place = Place(level, goes_on, stop == len(nodes), parent)
        if run.period == 1:
            yield Spot(tuple(nodes[run.start : stop]), run.times, 0, place), None
        else:
            rounds = [nodes[start : start + run.period] for start in range(run.start, stop, run.period)]
            yield Spot((nodes[run.start],), run.times, run.period, place), rounds


def _runs(tree: Tree, nodes: Sequence[int], longest_period: int = 64) -> list[Run]:
    return find_runs([tree.keys[node] for node in nodes], [tree.weights[node] for node in nodes], longest_period)


def _round_spots(tree: Tree, rounds: Sequence[Sequence[int]], under: Spot) -> Iterator[tuple[Spot, _Inside]]:
    """The items of a round, each row standing for that item in all rounds."""
    goes_on, level = _goes_on(under), under.place.level + 1
    for run in _runs(tree, rounds[0], longest_period=1):
        stop = run.start + run.times
        nodes = tuple(node for one in rounds for node in one[run.start : stop])
        yield Spot(nodes, run.times, 0, Place(level, goes_on, stop == len(rounds[0]), under.place.parent)), None


def without_numbers(name: str) -> str:
    """``layers.3.fc`` to ``layers.#.fc``: names that differ in their numbers alone become one."""
    return _NUMBER.sub("#", _NAMESAKE.sub("", name)) if not name.isalpha() else name


def span(names: Sequence[str], dash: str = "–", gap: str = "…") -> str:
    """One name for names that differ in their numbers alone: ``layers.0–31``; ``0…6`` where numbers between are missing.

    Args:
        names: which differ only in their numbers, in order
        dash: between the first and the last number
        gap: the same, where numbers in between are missing
    """
    if any(map(_NAMESAKE.search, names)):
        names = [name if _NAMESAKE.search(name) else f"{name}#1" for name in names]
    parts = [_NUMBER.split(name) for name in names]
    return "".join(_span_of([part[index] for part in parts], dash, gap) for index in range(len(parts[0])))


def _span_of(values: Sequence[str], dash: str, gap: str) -> str:
    first, last = values[0], values[-1]
    if all(value == first for value in values):
        return first
    whole = len(first) < 10 and list(values) == [str(int(first) + step) for step in range(len(values))]
    return f"{first}{dash if whole else gap}{last}"
