"""A report as a page for browsers: one file that loads nothing and runs nothing.

Rows, words, marks and sums are those of the table for terminals. What stands around it comes as the few kinds of rich's
renderables that :mod:`modinspect.render.table.summary` makes, and is written as elements here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from modinspect.render.table import NEVER, UNICODE, Cells, Row, Rows, View, after_table, before_table, cells_of, rows_of
from modinspect.render.text import cut_path, plain
from modinspect.report import Report, Source

_DEEPEST_DRAWN = 20
"""Rows that are nested more deeply have their depth before their name."""

_WIDEST_PLACE = 36
"""Longer places are cut on the left, and stand in full in a tooltip."""

_CLASSES = {"output": "output", "params": "number", "FLOPs": "number", "where": "where"}

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1f2328; --dim: #59636e; --line: #d1d9e0; --tree: #a3adb8;
  --over: #f3f5f7; --cyan: #0a6c7d; --magenta: #a3268f; --red: #c4212d; --yellow: #8a5a00; --blue: #0b5cc4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #e6edf3; --dim: #9198a1; --line: #3d444d; --tree: #5c6670;
    --over: #1a2029; --cyan: #56c7da; --magenta: #f08bdc; --red: #ff7b72; --yellow: #e3b341; --blue: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem clamp(.75rem, 3vw, 2.5rem); background: var(--page); color: var(--text);
  font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace; }
h1, h2, p { margin: 0; font-size: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
h1 { font-size: 1.25em; }
p:empty { height: 1.1em; }
.dim { color: var(--dim); } .bold { font-weight: 600; } .cyan { color: var(--cyan); } .magenta { color: var(--magenta); }
.red { color: var(--red); } .yellow { color: var(--yellow); } .blue { color: var(--blue); }
.failure { margin-top: 1.1em; padding: .75em 1em; max-width: 60rem; border: 1px solid var(--red); border-radius: .5em; }
.failure h2 { margin-bottom: .75em; }
.words td { padding: 0 1.5em 0 0; vertical-align: top; white-space: pre; }
.words td:last-child { padding: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.rows { width: fit-content; max-width: 100%; max-height: 85vh; overflow: auto; border: 1px solid var(--line);
  border-radius: .5em; }
.rows:focus-visible { outline: 2px solid var(--blue); }
table { border-collapse: separate; border-spacing: 0; }
.rows table { width: max-content; padding: 0 .25em .4em; }
.rows td, .rows th { padding: .1em .75em; text-align: left; vertical-align: top; white-space: pre; }
.rows thead th { position: sticky; top: 0; z-index: 1; padding-block: .4em; background: var(--page);
  border-bottom: 1px solid var(--line); }
.rows tbody th { padding-top: 1em; }
.rows tbody tr:hover { background: var(--over); }
.rows .number { text-align: right; font-variant-numeric: tabular-nums; }
.rows td span { display: inline-block; max-width: 60ch; vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: isolate; }
.rows td span + span { margin-left: 2ch; }
.rows .output span { max-width: 32ch; }
.rows td.where { color: var(--dim); }
.tree { position: relative; overflow: hidden; }
i { display: inline-block; position: relative; width: 2ch; height: 1.5em; vertical-align: top; }
.bar::before, .fork::before, .corner::before { content: ""; position: absolute; left: .5ch; top: -999em; bottom: -999em;
  border-left: 1px solid var(--tree); }
.corner::before { bottom: 50%; }
.fork::after, .corner::after { content: ""; position: absolute; left: .5ch; top: 50%; width: 1.1ch;
  border-top: 1px solid var(--tree); }
abbr { text-decoration: none; cursor: help; }
@media (max-width: 40rem) {
  body { font-size: .8125rem; }
  .words tr { display: block; } .words td, .words td:last-child { display: inline; padding: 0 1ch 0 0; white-space: pre-wrap; }
  .failure { padding: .6em; } }
@media print { .rows { max-height: none; overflow: visible; border: 0; } .rows thead th { position: static; } }
"""


def render(report: Report, view: View) -> str:
    """The report as a page of HTML, in ASCII alone, so that any console and any file takes it."""
    rows = rows_of(report, view)
    title, *facts = before_table(report, UNICODE)
    around = list(after_table(report, rows, view, UNICODE))
    # At the end of a page nobody looks first.
    failures = [block for block in around if isinstance(block, Panel)]
    page = [
        *_head(report),
        f"<h1>{_inline(title)}</h1>",
        *map(_block, [*facts[:-1], *failures, Text()]),
        *_table(rows),
        *(_block(block) for block in around if block not in failures),
        "</body>",
        "</html>",
    ]
    return "".join(f"{line}\n" for line in page).encode("ascii", "xmlcharrefreplace").decode()


def _head(report: Report) -> Iterator[str]:
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(plain(report.model.target))}</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"


def _block(block: RenderableType) -> str:
    """What stands around the table as elements, whatever it is made of."""
    if isinstance(block, Group):
        return "".join(map(_block, block.renderables))
    if isinstance(block, Panel):
        title = f"<h2>{_inline(block.title or '')}</h2>"
        return f'<section class="failure">{title}{_block(block.renderable)}</section>'
    if isinstance(block, Table):
        lines = zip(*(column.cells for column in block.columns), strict=True)
        return f'<table class="words">{"".join(map(_words, lines))}</table>'
    return f"<p>{_inline(block)}</p>"


def _words(cells: Sequence[RenderableType]) -> str:
    return f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in cells)}</tr>"


def _inline(text: RenderableType) -> str:
    """Text with its styles as classes."""
    if isinstance(text, str):
        return escape(text)
    if not isinstance(text, Text):
        raise TypeError(f"{type(text).__name__} has no form in HTML yet")
    ends = sorted({0, len(text), *(end for span in text.spans for end in (span.start, span.end))})
    pieces = []
    for start, stop in pairwise(ends):
        styles = [span.style for span in text.spans if span.start <= start and stop <= span.end]
        pieces.append(_styled(text.plain[start:stop], " ".join(str(style) for style in (text.style, *styles) if style)))
    return "".join(pieces)


def _styled(text: str, style: str) -> str:
    return _span(text, style) if style else escape(text)


def _table(rows: Rows) -> Iterator[str]:
    cells = cells_of(rows.rows, UNICODE)
    heads = ["registered"]
    if any(cell.row.hidden or cell.aten for cell in cells):
        heads.append("hidden")
    for head in ("output", "params", "FLOPs", "where"):
        if any(_column(head, cell) for cell in cells):
            heads.append(head)
    yield '<div class="rows" role="region" aria-label="what ran" tabindex="0">'
    yield "<table>"
    yield f'<thead><tr><th scope="col"></th>{"".join(map(_head_of, heads))}</tr></thead>'
    yield "<tbody>"
    for cell in cells:
        yield f"<tr>{''.join(_row(cell, heads))}</tr>"
    yield "</tbody>"
    yield "</table>"
    yield "</div>"


def _head_of(head: str) -> str:
    return f'<th scope="col"{_class_of(head)}>{head}</th>'


def _class_of(head: str) -> str:
    return f' class="{_CLASSES[head]}"' if head in _CLASSES else ""


def _column(head: str, cell: Cells) -> str:
    row = cell.row
    if head == "output":
        return _span(cell.outputs[0]) if row.outputs else ""
    if head == "params":
        return escape(cell.params[0])
    if head == "FLOPs":
        return _hinted(cell.flops, f"{row.flops:,}" if row.flops else "")
    return _hinted(cut_path(cell.source, _WIDEST_PLACE), _whole_place(row.source))


def _whole_place(source: Source | None) -> str:
    if source is None:
        return ""
    place = f"{plain(source.file)}:{source.line} in {plain(source.function)}"
    return f"{place}\n{plain(source.code)}" if source.code else place


def _hinted(text: str, hint: str) -> str:
    return f'<span title="{escape(hint)}">{escape(text)}</span>' if text and hint else escape(text)


def _row(cell: Cells, heads: Sequence[str]) -> Iterator[str]:
    row = cell.row
    if row.kind == "title":
        yield f'<td></td><th scope="rowgroup" colspan="{len(heads)}">{escape(cell.name)}</th>'
        return
    marks = zip(cell.marks, row.marks, strict=True)
    hints = (f'<abbr class="{style}" title="{mark.title}: {mark.meaning}">{escape(text)}</abbr>'
             for (text, style), (mark, _) in marks)  # fmt: skip
    yield f"<td>{''.join(hints)}</td>"
    label = _label(cell)
    # The operators of a registered layer are not registered.
    aten = _span(cell.aten, "dim") if cell.aten else ""
    if "hidden" not in heads:
        yield f'<td class="tree">{_branch(row)}{label}</td>'
    elif row.hidden:
        across = f' colspan="{len(heads) - 1}"' if row.kind == "failed" else ""
        blanks = "<i></i>" * min(row.indent, _DEEPEST_DRAWN)
        yield f'<td class="tree">{_branch(row)}</td><td{across}>{blanks}{label}{aten}</td>'
        if across:
            return
    elif any(mark is NEVER for mark, _ in row.marks):
        yield f'<td class="tree" colspan="2">{_branch(row)}{label}</td>'  # nothing hidden stands among these
    else:
        yield f'<td class="tree">{_branch(row)}{label}</td><td>{aten}</td>'
    yield from (f"<td{_class_of(head)}>{_column(head, cell)}</td>" for head in heads if head not in ("registered", "hidden"))


def _label(cell: Cells) -> str:
    """The name, and beside it what the table for terminals has there."""
    name, beside = cell.styles
    parts = ((cell.name, name), (cell.extra, beside), (cell.times, "bold"), (cell.left_out, "cyan"))
    return "".join(_span(text, style) for text, style in parts if text)


def _span(text: str, style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f"<span{kind}>{escape(text)}</span>"


def _branch(row: Row) -> str:
    """The lines of the tree to the left of a row."""
    place, level = row.place, row.place.level - row.indent
    if level > _DEEPEST_DRAWN:
        return f"{_bars(place.goes_on[:_DEEPEST_DRAWN])}{_span(f'{UNICODE.deep}{level}', 'dim')}"
    if row.indent or not level:
        return _bars(place.goes_on[:level])
    return _bars(place.goes_on[: level - 1]) + f'<i class="{"corner" if place.last else "fork"}"></i>'


def _bars(goes_on: Sequence[bool]) -> str:
    return "".join('<i class="bar"></i>' if more else "<i></i>" for more in goes_on)
