"""How wide each column is: what every column would like, cut back in a fixed order until the table fits."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

GAP = 2
"""Blank cells between two columns."""

_NARROWEST_REGISTERED = 12
_HIDDEN_SHARE = 0.42


@dataclass(frozen=True, slots=True)
class Wishes:
    """The widths that the content of a table asks for.

    ``alone`` is what rows ask for that no hidden row stands among; ``branches`` what the lines of the tree take to the left of
    hidden rows. Of the outputs and the parameters, ``least_…`` is what their shortest form takes: less would lose numbers.
    """

    marks: int
    registered: int
    hidden: int
    alone: int
    branches: int
    outputs: int
    least_outputs: int
    params: int
    least_params: int
    flops: int
    source: int


@dataclass(frozen=True, slots=True)
class Widths:
    """The widths of the columns; 0 for one that is not shown.

    ``names`` is the room of both halves together. The hidden half begins at ``hidden_from`` in it; the name of a registered
    module may reach beyond, as its row has nothing there.
    """

    marks: int
    names: int
    hidden_from: int
    outputs: int
    params: int
    flops: int
    source: int

    @property
    def total(self) -> int:
        """The width of the table."""
        shown = [width for width in (self.marks, self.names, self.outputs, self.params, self.flops, self.source) if width]
        return sum(shown) + GAP * (len(shown) - 1)


_STEPS = (
    ("source", 32), ("outputs", 24), ("names", 76), ("params", 0), ("source", 22), ("outputs", 0),
    ("names", 38), ("source", 14), ("names", 32), ("source", 11), ("names", 28), ("source", None), ("names", 20),
    ("flops", None), ("params", None), ("outputs", None),
)  # fmt: skip
"""What is cut back to which width, one after the other, until the table fits; ``None`` leaves the column out."""


def fit(wishes: Wishes, width: int = sys.maxsize) -> Widths:
    """The widths for a table of at most ``width`` cells, as far as that is possible without losing numbers or marks."""
    floors = {"outputs": wishes.least_outputs, "params": wishes.least_params}
    hidden_from = wishes.registered + GAP if wishes.hidden else 0
    names = max(wishes.registered, hidden_from + wishes.hidden, wishes.alone)
    widths = Widths(wishes.marks, names, 0, wishes.outputs, wishes.params, wishes.flops, wishes.source)
    for column, floor in _STEPS:
        over = widths.total - width
        if over <= 0:
            break
        now = getattr(widths, column)
        narrow = 0 if floor is None else min(now, max(now - over, floor, floors.get(column, 0)))
        widths = replace(widths, **{column: narrow})
    return replace(widths, hidden_from=_hidden_from(wishes, widths.names))


def _hidden_from(wishes: Wishes, names: int) -> int:
    """Where the hidden half begins: after the registered half, or earlier where the hidden half needs the room more."""
    if not wishes.hidden:
        return names
    fair = max(int(names * _HIDDEN_SHARE), names - wishes.hidden)
    return max(min(wishes.registered + GAP, fair), min(wishes.branches, names // 2), _NARROWEST_REGISTERED)
