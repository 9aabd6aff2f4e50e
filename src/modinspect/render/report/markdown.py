"""A report in Markdown, as GitHub renders it: in a pull request, an issue or a job summary.

Rows and words come from the table for terminals. What an ``×N`` row holds is in a folded block below the table.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from modinspect.render.table import UNICODE, Cells, View, after_table, before_table, cells_of, rows_of
from modinspect.report import Report

_HEADS = ("registered", "hidden", "output", "params", "FLOPs", "where")
_NUMBERS = ("params", "FLOPs")

_ACTIVE = re.compile(r"[\\`*{}\[\]<>#|~$!&^]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""Markdown's punctuation, GitHub's math, and what turns an address into a link. Underscores inside words mean nothing."""

_NO_MENTION = "@<!-- -->"
"""An ``@`` that mentions nobody on GitHub: the comment separates it from the name."""

_DEEPEST_INDENTED = 20
_CODE_WIDTH = 120


def render(report: Report, view: View) -> str:
    """The report in Markdown. Names are escaped: none becomes a link, a mention, markup or HTML."""
    rows = rows_of(report, view)
    cells = cells_of(rows.rows, UNICODE)
    title, *facts = before_table(report, UNICODE)
    around = list(after_table(report, rows, view, UNICODE))
    failures = [block for block in around if isinstance(block, Panel)]
    heads = [head for head in _HEADS if head == "registered" or any(_text(head, cell, 0) for cell in cells)]
    unfolded, blocks = _unfolded(cells)
    run, *never_ran = _tables(unfolded, heads)
    parts = [
        f"### <code>{escaped(str(title))}</code>",
        *_paragraphs([*facts, *failures]),
        run,
        *(_details(block, heads) for block in blocks),
        *never_ran,
        *_paragraphs([block for block in around if block not in failures]),
    ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """``text`` that Markdown shows as it is, on one line."""
    return _ACTIVE.sub(lambda found: f"\\{found[0]}", text).replace("@", _NO_MENTION).replace("\n", "<br>")


# -- above and below the table


def _paragraphs(blocks: Sequence[RenderableType]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Group):
            yield from _paragraphs(block.renderables)
        elif isinstance(block, Panel):
            yield _alert(block)
        elif isinstance(block, Table):
            yield _grid(block)
        elif words := _words(block):
            yield words


def _words(text: RenderableType) -> str:
    """A paragraph; bold if all of it is."""
    if isinstance(text, Text):
        return f"**{escaped(text.plain)}**" if text.plain and text.style == "bold" else escaped(text.plain)
    return escaped(str(text))


def _grid(table: Table) -> str:
    """A table without heads; Markdown wants a line for them."""
    lines = zip(*(column.cells for column in table.columns), strict=True)
    rows = [f"| {' | '.join(_words(cell) for cell in line)} |" for line in lines]
    count = len(table.columns)
    return "\n".join(["|" + " |" * count, "|" + " --- |" * count, *rows])


def _alert(panel: Panel) -> str:
    """What ``forward`` raised, as GitHub marks a warning: the text of the terminal's box, in a block of code."""
    page = io.StringIO()
    Console(file=page, width=_CODE_WIDTH, color_system=None).print(panel.renderable)
    lines = [line.rstrip() for line in page.getvalue().splitlines()]
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", page.getvalue())), default=0))
    title = _words(panel.title or "")
    return "\n".join(f"> {line}".rstrip() for line in ("[!CAUTION]", title, "", f"{fence}text", *lines, fence))


# -- the table


@dataclass(frozen=True, slots=True)
class _Block:
    """An ``×N`` row and the rows below it."""

    head: Cells
    rows: Sequence[Cells]


def _unfolded(cells: Sequence[Cells]) -> tuple[list[Cells], list[_Block]]:
    """The rows in no folded block, and these blocks."""
    rows: list[Cells] = []
    blocks: list[_Block] = []
    index = 0
    while index < len(cells):
        head = cells[index]
        rows.append(head)
        index += 1
        if head.row.times > 1:
            start = index
            while (
                index < len(cells) and cells[index].row.place.level > head.row.place.level and cells[index].row.kind != "title"
            ):
                index += 1
            if index > start:
                blocks.append(_Block(head, cells[start:index]))
    return rows, blocks


def _details(block: _Block, heads: Sequence[str]) -> str:
    level = block.head.row.place.level + 1
    (table,) = _tables(block.rows, heads, level)
    summary = " ".join(html.escape(part) for part in (block.head.name, block.head.extras[0], block.head.times) if part)
    return f"<details><summary>{summary.replace('@', _NO_MENTION)}</summary>\n\n{table}\n\n</details>"


def _tables(cells: Sequence[Cells], heads: Sequence[str], level: int = 0) -> Iterator[str]:
    """A table for each part of ``cells`` with a title of its own; rows of this level are not indented."""
    lines: list[str] = []
    for cell in cells:
        if cell.row.kind == "title":
            yield _table(lines, heads)
            yield f"**{escaped(cell.name)}**"
            lines = []
        else:
            marks = " ".join(escaped(text) for text, _ in cell.marks)
            lines.append(f"| {' | '.join([marks, *(_text(head, cell, level) for head in heads)])} |")
    yield _table(lines, heads)


def _table(lines: Sequence[str], heads: Sequence[str]) -> str:
    rules = ["---", *("---:" if head in _NUMBERS else "---" for head in heads)]
    return "\n".join([f"| {' | '.join(['', *heads])} |", f"| {' | '.join(rules)} |", *lines])


def _text(head: str, cell: Cells, level: int) -> str:
    row = cell.row
    if head == "registered":
        return "" if row.hidden else _indent(row.place.level - level) + _label(cell)
    if head == "hidden":
        name = _indent(row.indent) + _label(cell) if row.hidden else ""
        return " ".join(part for part in (name, escaped(cell.aten)) if part)
    texts = {"output": cell.outputs[0], "params": cell.params[0].strip(), "FLOPs": cell.flops.strip(), "where": cell.source}
    return escaped(texts[head])


def _indent(level: int) -> str:
    return "&emsp;" * min(level, _DEEPEST_INDENTED)


def _label(cell: Cells) -> str:
    """The name, and what the table for terminals has next to it."""
    parts = (
        f"<code>{escaped(cell.name)}</code>" if cell.name else "",
        escaped(cell.extras[0]),
        f"**{cell.times}**" if cell.times else "",
        f"*{cell.left_out}*" if cell.left_out else "",
    )
    return " ".join(part for part in parts if part)
