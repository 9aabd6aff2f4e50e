"""A report as a page for browsers: one file that loads nothing and runs no script.

Rows, words, marks and sums come from the table for terminals. This module turns them into plain values; how they become
elements is in ``templates/page.html`` and ``templates/page.css``.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from modinspect.render.table import NEVER, UNICODE, Cells, Row, View, after_table, before_table, cells_of, rows_of
from modinspect.render.text import cut_path, plain
from modinspect.report import Report, Source

_DEEPEST_DRAWN = 20
"""Rows that are nested more deeply have their depth before their name."""

_WIDEST_SOURCE = 36
"""Longer sources are cut on the left, and are whole in a tooltip."""

_CLASSES = {"output": "output", "params": "number", "FLOPs": "number", "where": "where"}

Pieces: TypeAlias = Sequence[tuple[str, str]]
"""Text in pieces of one style: (text, style)."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Something above or below the table."""

    kind: Literal["group", "panel", "table", "line"]
    pieces: Pieces = ()
    title: Pieces = ()
    body: _Block | None = None
    parts: Sequence[_Block] = ()
    lines: Sequence[Sequence[Pieces]] = ()


@dataclass(frozen=True, slots=True)
class _Mark:
    text: str
    style: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell right of the names. ``wrapped`` keeps it to a width at which it is broken."""

    text: str
    style: str
    hint: str = ""
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A row. ``lines`` are the classes of the tree's pieces, ``across`` the columns that its name covers."""

    title: str = ""
    marks: Sequence[_Mark] = ()
    hidden: bool = False
    wide: bool = False
    across: int = 0
    indent: int = 0
    lines: Sequence[str] = ()
    deep: str = ""
    label: Pieces = ()
    aten: str = ""
    cells: Sequence[_Cell] = ()


def render(report: Report, view: View) -> str:
    """The report as a page of HTML, in ASCII, so that any console and any file takes it."""
    rows = rows_of(report, view)
    cells = cells_of(rows.rows, UNICODE)
    heads = _heads(cells)
    title, *facts = before_table(report, UNICODE)
    around = list(after_table(report, rows, view, UNICODE))
    # Nobody looks first at the end of a page: failures go above the table.
    failures = [block for block in around if isinstance(block, Panel)]
    page = _template().render(
        title=plain(report.model.target),
        policy=_policy(),
        style=Markup(_style()),  # a file of ours
        heading=_pieces(title),
        above=[_block(block) for block in (*facts[:-1], *failures, Text())],
        heads=[{"text": head, "style": _CLASSES.get(head, "")} for head in heads],
        named_columns=2 if "hidden" in heads else 1,
        rows=[_row(cell, heads) for cell in cells],
        below=[_block(block) for block in around if block not in failures],
    )
    written: bytes = page.encode("ascii", "xmlcharrefreplace")
    return written.decode()


@functools.cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("modinspect.render.report"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("page.html")


@functools.cache
def _style() -> str:
    return files("modinspect.render.report").joinpath("templates").joinpath("page.css").read_text(encoding="utf-8")


def _policy() -> str:
    """What the page may do: apply its own style sheet, which is recognised by its hash."""
    digest = base64.b64encode(hashlib.sha256(f"\n{_style()}".encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


# -- above and below the table


def _block(block: RenderableType) -> _Block:
    """What rich would print, as plain values."""
    if isinstance(block, Group):
        return _Block("group", parts=[_block(part) for part in block.renderables])
    if isinstance(block, Panel):
        return _Block("panel", title=_pieces(block.title or ""), body=_block(block.renderable))
    if isinstance(block, Table):
        lines = zip(*(column.cells for column in block.columns), strict=True)
        return _Block("table", lines=[[_pieces(cell) for cell in line] for line in lines])
    return _Block("line", pieces=_pieces(block))


def _pieces(text: RenderableType) -> Pieces:
    """Text cut where its styles change."""
    if isinstance(text, str):
        return [(text, "")]
    if not isinstance(text, Text):
        raise TypeError(f"{type(text).__name__} has no form in HTML yet")
    ends = sorted({0, len(text), *(end for span in text.spans for end in (span.start, span.end))})
    return [(text.plain[start:stop], _style_at(text, start, stop)) for start, stop in pairwise(ends)]


def _style_at(text: Text, start: int, stop: int) -> str:
    styles = [span.style for span in text.spans if span.start <= start and stop <= span.end]
    return " ".join(str(style) for style in (text.style, *styles) if style)


# -- the table


def _heads(cells: Sequence[Cells]) -> list[str]:
    """The columns that have something in them."""
    hidden = any(cell.row.hidden or cell.aten for cell in cells)
    filled = [head for head in _CLASSES if any(_cell(head, cell).text for cell in cells)]
    return ["registered", *(["hidden"] if hidden else []), *filled]


def _cell(head: str, cell: Cells) -> _Cell:
    row, style = cell.row, _CLASSES[head]
    if head == "output":
        return _Cell(cell.outputs[0] if row.outputs else "", style, wrapped=bool(row.outputs))
    if head == "params":
        return _Cell(cell.params[0], style)
    if head == "FLOPs":
        return _Cell(cell.flops, style, f"{row.flops:,}" if row.flops and cell.flops else "")
    return _Cell(cut_path(cell.source, _WIDEST_SOURCE), style, _whole_source(row.source) if cell.source else "")


def _whole_source(source: Source | None) -> str:
    if source is None:
        return ""
    whole = f"{plain(source.file)}:{source.line} in {plain(source.function)}"
    return f"{whole}\n{plain(source.code)}" if source.code else whole


def _row(cell: Cells, heads: Sequence[str]) -> _Row:
    row = cell.row
    if row.kind == "title":
        return _Row(title=cell.name)
    marks = zip(cell.marks, row.marks, strict=True)
    failed = row.kind == "failed" and row.hidden and "hidden" in heads
    lines, deep = _branch(row)
    return _Row(
        marks=[_Mark(text, style, f"{mark.title}: {mark.meaning}") for (text, style), (mark, _) in marks],
        hidden=row.hidden,
        wide=any(mark is NEVER for mark, _ in row.marks),  # nothing hidden is among these
        across=len(heads) - 1 if failed else 0,
        indent=min(row.indent, _DEEPEST_DRAWN),
        lines=lines,
        deep=deep,
        label=_label(cell),
        aten=cell.aten,  # in the hidden column: the operators of a registered layer are not registered
        cells=[] if failed else [_cell(head, cell) for head in heads if head in _CLASSES],
    )


def _label(cell: Cells) -> Pieces:
    """The name, and what the table for terminals has next to it."""
    name, after = cell.styles
    parts = ((cell.name, name), (cell.extras[0], after), (cell.times, "bold"), (cell.left_out, "cyan"))
    return [(text, style) for text, style in parts if text]


def _branch(row: Row) -> tuple[list[str], str]:
    """The pieces of the tree to the left of a row, and its depth where that is too deep to draw."""
    place, level = row.place, row.place.level - row.indent
    if level > _DEEPEST_DRAWN:
        return _bars(place.goes_on[:_DEEPEST_DRAWN]), f"{UNICODE.deep}{level}"
    if row.indent or not level:
        return _bars(place.goes_on[:level]), ""
    return [*_bars(place.goes_on[: level - 1]), "corner" if place.last else "fork"], ""


def _bars(goes_on: Sequence[bool]) -> list[str]:
    return ["bar" if more else "" for more in goes_on]
