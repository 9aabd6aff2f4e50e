"""The table: a report drawn for a console of any width, with or without colour."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from modinspect.render.table.draw import draw
from modinspect.render.table.heading import before_table
from modinspect.render.table.module_rows import registered_rows
from modinspect.render.table.rows import Rows
from modinspect.render.table.run_rows import ran_rows
from modinspect.render.table.summary import after_table
from modinspect.render.table.symbols import ASCII, UNICODE, Symbols
from modinspect.render.table.view import View
from modinspect.report import Report

_WIDEST_FILE = 160
"""The width of text that goes to no terminal, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A report on a rich console, whatever its width and encoding."""

    report: Report
    view: View

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        symbols = ASCII if options.ascii_only else UNICODE
        for renderable in _page(self.report, self.view, symbols, options.max_width):
            if options.encoding.startswith("utf"):
                yield renderable
            else:
                yield from (_printable(segment, options.encoding) for segment in console.render(renderable, options))


def render_table(report: Report, view: View = View()) -> ReportTable:  # noqa: B008  (a frozen value)
    """The report as something that a rich console prints."""
    return ReportTable(report, view)


def table_text(report: Report, width: int | None = None, view: View = View(), encoding: str | None = None) -> str:  # noqa: B008
    """The report as text without colour.

    Args:
        report: what to show.
        width: the most cells in a line; by default the terminal's, and 160 where there is none.
        view: which rows to show.
        encoding: what the text has to be printable in; by default what stdout takes.
    """
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    page = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    console = Console(file=page, width=width or _usual_width(), color_system=None, force_terminal=False, legacy_windows=False)
    console.print(render_table(report, view), end="")
    page.seek(0)
    return "".join(f"{line.rstrip()}\n" for line in page)


def _usual_width() -> int:
    # What stands in for stdout (a notebook's, a test's) may lack either.
    is_terminal = getattr(sys.stdout, "isatty", bool)
    at_terminal = not getattr(sys.stdout, "closed", False) and is_terminal()
    return shutil.get_terminal_size().columns if at_terminal or os.environ.get("COLUMNS") else _WIDEST_FILE


def rows_of(report: Report, view: View) -> Rows:
    """All rows of the table: the run, or where nothing ran the registered half alone."""
    return ran_rows(report, view) if report.calls or report.ops else registered_rows(report, view)


def _page(report: Report, view: View, symbols: Symbols, width: int) -> Iterator[RenderableType]:
    rows = rows_of(report, view)
    yield from before_table(report, symbols)
    yield draw(rows, width, symbols)
    yield from after_table(report, rows, view, symbols)


def _printable(segment: Segment, encoding: str) -> Segment:
    """Writes out what the console's encoding does not have."""
    text = segment.text.encode(encoding, "backslashreplace").decode(encoding)
    return Segment(text, segment.style, segment.control)
