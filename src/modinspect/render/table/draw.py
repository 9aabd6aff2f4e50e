"""Rows drawn as lines.

The columns' widths are worked out here and each line is written as it is: rich's own table measures and wraps every cell, and
takes a minute for the hundred thousand rows that this draws in seconds.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.segment import Segment, Segments
from rich.style import Style

from modinspect.render.table.cells import Cells, cells_of, label_width
from modinspect.render.table.layout import GAP, Widths, Wishes, fit
from modinspect.render.table.marks import NEVER
from modinspect.render.table.rows import Row, Rows
from modinspect.render.table.symbols import Symbols
from modinspect.render.text import cut_left, cut_path, cut_right, width_of

_WIDEST_REGISTERED = 48
_DEEPEST_DRAWN = 20
_LEAST_EXTRA = 5

_PLAIN = Style()
_DIM = Style(dim=True)
_BOLD = Style(bold=True)
_OP = Style(color="cyan")


def draw(rows: Rows, width: int, symbols: Symbols) -> Segments:
    """The table in at most ``width`` cells.

    Args:
        rows: from top to bottom
        width: of the page, in cells
        symbols: Unicode or ASCII
    """
    cells = cells_of(rows.rows, symbols)
    # Settings give way first: without room for all, each row shows as much as it has room for.
    form = 0 if fit(_wishes(cells, 0)).total <= width else -1
    wishes = _wishes(cells, form)
    pen = _Pen(fit(wishes, width), wishes, width, symbols, form)
    segments: list[Segment] = []
    for line in pen.page(cells):
        segments.extend(line)
        segments.append(Segment.line())
    return Segments(segments)


def _wishes(cells: Sequence[Cells], form: int) -> Wishes:
    registered, hidden, alone, branches = [10], [6], [0], [0]
    for cell in cells:
        tree = 2 * min(cell.row.place.level - cell.row.indent, _DEEPEST_DRAWN)
        aten = width_of(cell.aten)
        if cell.row.kind == "failed":
            continue  # it has a line of its own
        if cell.row.hidden:
            branches.append(tree)
            hidden.append(2 * cell.row.indent + label_width(cell, form) + (GAP + aten if aten else 0))
        elif any(mark is NEVER for mark, _ in cell.row.marks):
            alone.append(tree + label_width(cell, form))
        else:
            registered.append(tree + label_width(cell, form))
            hidden.append(aten)
    has_hidden = any(cell.row.hidden or cell.aten for cell in cells)
    shown = [cell for cell in cells if cell.row.kind != "title"]
    return Wishes(
        marks=max((sum(width_of(text) for text, _ in cell.marks) for cell in shown), default=0),
        registered=min(max(registered), _WIDEST_REGISTERED) if has_hidden else max(registered),
        hidden=max(hidden) if has_hidden else 0,
        alone=max(alone),
        branches=max(branches),
        outputs=_widest("output", (cell.outputs[0] for cell in shown)),
        least_outputs=_widest("output", (cell.outputs[-1] for cell in shown)),
        params=_widest("params", (cell.params[0] for cell in shown)),
        least_params=_widest("params", (cell.params[1] for cell in shown)),
        flops=_widest("FLOPs", (cell.flops for cell in shown)),
        source=_widest("where", (cell.source for cell in shown)),
    )


def _widest(head: str, texts: Iterable[str]) -> int:
    """The room for a column and its head; none where it would be empty."""
    widest = max(map(width_of, texts), default=0)
    return max(widest, len(head)) if widest else 0


class _Line:
    """One line being written from left to right; blanks come only before what follows, never at its end."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.at = self._end = 0

    def move(self, at: int) -> None:
        """What is written next begins at the cell ``at``, where the line has not come further."""
        self.at = max(self.at, at)

    def write(self, text: str, style: Style = _PLAIN, at: int = 0) -> None:
        """Writes ``text``, from the cell ``at`` on where the line has not come further."""
        if text:
            self.move(at)
            if self._end < self.at:
                self.segments.append(Segment(" " * (self.at - self._end)))
            self.segments.append(Segment(text, style))
            self._end = self.at = self.at + width_of(text)


class _Pen:
    """Draws the lines of one table."""

    def __init__(self, widths: Widths, wishes: Wishes, width: int, symbols: Symbols, form: int) -> None:
        self.widths, self.width, self.symbols, self.form = widths, width, symbols, form
        self.names_from = widths.marks + GAP if widths.marks else 0
        self.hidden_from = self.names_from + widths.hidden_from
        self.names_to = self.names_from + widths.names
        self.outputs_to = _next(self.names_to, widths.outputs)
        self.params_to = _next(self.outputs_to, widths.params)
        self.flops_to = _next(self.params_to, widths.flops)
        self.params_form = int(widths.params < wishes.params)
        self.deepest = max(3, min(_DEEPEST_DRAWN, widths.hidden_from // 2))

    def page(self, cells: Sequence[Cells]) -> Iterator[Sequence[Segment]]:
        """All lines, from the head on."""
        yield self._head().segments
        yield [Segment(self.symbols.rule * min(self.widths.total, self.width), _DIM)]
        for cell in cells:
            for line in self._lines(cell):
                yield line.segments

    def _head(self) -> _Line:
        line = _Line()
        line.write("registered", _BOLD, at=self.names_from)
        if self.hidden_from < self.names_to:
            line.write("hidden", _BOLD, at=self.hidden_from)
        self._columns(line, ("output", "params", "FLOPs", "where"), _BOLD, _BOLD)
        return line

    def _lines(self, cell: Cells) -> Iterator[_Line]:
        if cell.row.kind == "title":
            yield _Line()
            yield _line_of(cell.name, _BOLD, at=self.names_from)
            return
        line = _Line()
        for text, style in cell.marks:
            line.write(text, Style.parse(style))
        line.move(self.names_from)
        line.write(self._branch(cell.row), _DIM)
        if cell.row.kind == "failed":
            yield from self._failed(line, cell)
            return
        below = self._hidden_half(line, cell) if cell.row.hidden else self._registered_half(line, cell)
        outputs = next((form for form in cell.outputs if width_of(form) <= self.widths.outputs), cell.outputs[-1])
        source = cut_path(cell.source, self.widths.source, self.symbols.ellipsis)
        self._columns(line, (outputs, cell.params[self.params_form], cell.flops, source), _PLAIN, _DIM)
        yield line
        yield from self._below(cell.row, below, _DIM)

    def _columns(self, line: _Line, texts: tuple[str, str, str, str], style: Style, source_style: Style) -> None:
        outputs, params, flops, source = texts
        if self.widths.outputs:
            line.write(outputs, style, at=self.names_to + GAP)
        if self.widths.params:
            line.write(params, style, at=self.params_to - width_of(params))
        if self.widths.flops:
            line.write(flops, style, at=self.flops_to - width_of(flops))
        if self.widths.source:
            line.write(source, source_style, at=self.flops_to + GAP)

    def _branch(self, row: Row) -> str:
        """The lines of the tree to the left of a row; what is too deep to draw says how deep it is."""
        symbols = self.symbols
        level = row.place.level - row.indent
        if level > self.deepest:
            bars = self._bars(row.place.goes_on, self.deepest - 3)
            return bars + cut_right(f"{symbols.deep}{level} ", 6).ljust(6)
        if row.indent:
            return self._bars(row.place.goes_on, level)
        if not level:
            return ""
        return self._bars(row.place.goes_on, level - 1) + (symbols.corner if row.place.last else symbols.fork)

    def _bars(self, goes_on: Sequence[bool], levels: int) -> str:
        return "".join(self.symbols.bar if more else self.symbols.blank for more in goes_on[: max(levels, 0)])

    def _registered_half(self, line: _Line, cell: Cells) -> str:
        """Writes the name of a registered module; returns the operators if they don't fit on the line."""
        fits = width_of(cell.aten) <= self._room_to(cell) - self.hidden_from
        fits_behind = bool(cell.aten) and fits and line.at + label_width(cell, self.form) + GAP <= self.hidden_from
        self._label(line, cell, (self.hidden_from - GAP if fits_behind else self._room_to(cell)) - line.at, cut_left)
        if fits_behind:
            line.write(cell.aten, _DIM, at=self.hidden_from)
        return "" if fits_behind else cell.aten

    def _hidden_half(self, line: _Line, cell: Cells) -> str:
        """Writes the name of an op or of an unregistered module; returns the operators if they don't fit on the line."""
        line.move(self.hidden_from + 2 * min(cell.row.indent, self.deepest))
        room = self._room_to(cell) - line.at
        fits_behind = bool(cell.aten) and label_width(cell, self.form) + GAP + width_of(cell.aten) <= room
        self._label(line, cell, room - (GAP + width_of(cell.aten) if fits_behind else 0), cut_right)
        if fits_behind:
            line.write(cell.aten, _DIM, at=line.at + GAP)
        return "" if fits_behind else cell.aten

    def _room_to(self, cell: Cells) -> int:
        """Where the room for names ends: what gave no output leaves that column to them."""
        return self.names_to if cell.outputs[0] else self.outputs_to

    def _label(self, line: _Line, cell: Cells, room: int, cut: Cut) -> None:
        """The name, then class or detail as far as there is room. The counts always stand there."""
        times = f" {cell.times}" if cell.times else ""
        left_out = " " * GAP + cell.left_out if cell.left_out else ""
        room -= width_of(times) + width_of(left_out)
        name = cut(cell.name, room, self.symbols.ellipsis)
        room -= width_of(name) + GAP
        style, beside = map(Style.parse, cell.styles)
        line.write(name, style)
        extra = next((form for form in cell.extras if width_of(form) <= room), cell.extras[-1])
        if extra and room >= min(width_of(extra), _LEAST_EXTRA):
            line.write(cut_right(extra, room, self.symbols.ellipsis), beside, at=line.at + GAP)
        line.write(times, _BOLD)
        line.write(left_out, _OP)

    def _failed(self, line: _Line, cell: Cells) -> Iterator[_Line]:
        """The call that raised, with the shapes that met: as wide as the page, as nothing stands to the right of it."""
        at = self.hidden_from + 2 * cell.row.indent
        fits_behind = at + label_width(cell) <= self.width
        style = Style.parse(cell.styles[0])
        line.write(f"{cell.name}  {cell.extras[0]}" if fits_behind else cell.name, style, at=at)
        yield line
        if not fits_behind:
            yield from self._below(cell.row, cell.extras[0], style)

    def _below(self, row: Row, text: str, style: Style) -> Iterator[_Line]:
        """``text`` on its own lines below the hidden half, with the row's branches of the tree."""
        if not text:
            return
        at = self.hidden_from + 2 * min(row.indent, self.deepest) + GAP
        branch = self._bars((*row.place.goes_on, not row.place.last), min(row.place.level - row.indent, self.deepest))
        for part in textwrap.wrap(text, max(self.width - at, 20), break_long_words=False, break_on_hyphens=False):
            line = _line_of(branch, _DIM, at=self.names_from)
            line.write(part, style, at=at)
            yield line


Cut = Callable[[str, int, str], str]


def _line_of(text: str, style: Style, at: int) -> _Line:
    line = _Line()
    line.write(text, style, at=at)
    return line


def _next(end: int, width: int) -> int:
    """Where a column ends whose neighbour ends at ``end``."""
    return end + GAP + width if width else end
