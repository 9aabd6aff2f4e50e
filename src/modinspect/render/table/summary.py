"""Everything below the table, in its order."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from modinspect.render.table.failure import failure
from modinspect.render.table.legend import grid, legend
from modinspect.render.table.rows import Rows
from modinspect.render.table.sums import conclusion, sums
from modinspect.render.table.symbols import Symbols
from modinspect.render.table.view import View
from modinspect.render.text import amount, plain
from modinspect.report import Report


def after_table(report: Report, rows: Rows, view: View, symbols: Symbols) -> Iterator[RenderableType]:
    """The legend, the sums and the notes. If ``forward`` raised, the failure comes last, where people look first.

    Args:
        report: which the table shows
        rows: of the table, whose marks are explained
        view: what the reader asked for
        symbols: Unicode or ASCII
    """
    blocks: list[RenderableType | None] = [legend(report, rows, view, symbols)]
    if report.error is None:
        blocks += [conclusion(report, symbols), sums(report, symbols)]
    blocks.append(_notes(report, rows))
    if report.error is not None:
        blocks.append(failure(report, report.error, symbols))
    for block in blocks:
        if block is not None:
            yield Text()
            yield block


def _notes(report: Report, rows: Rows) -> RenderableType | None:
    notes = [plain(note, lines=True) for note in report.model.notes]
    if rows.not_shown:
        notes.append(f"{amount(rows.not_shown, 'hidden op')} not shown (--ops all shows them)")
    table = grid(2)
    for note in notes:
        table.add_row(Text("note", style="dim"), Text(note))
    return table if notes else None
