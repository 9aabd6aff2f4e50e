"""The table in the terminal."""

from __future__ import annotations

from modinspect.render.table.cells import Cells, cells_of
from modinspect.render.table.heading import before_table
from modinspect.render.table.marks import NEVER
from modinspect.render.table.rows import Row, Rows
from modinspect.render.table.summary import after_table
from modinspect.render.table.symbols import ASCII, UNICODE
from modinspect.render.table.table import ReportTable, render_table, rows_of, table_text
from modinspect.render.table.view import View

__all__ = [
    "ASCII",
    "NEVER",
    "UNICODE",
    "Cells",
    "ReportTable",
    "Row",
    "Rows",
    "View",
    "after_table",
    "before_table",
    "cells_of",
    "render_table",
    "rows_of",
    "table_text",
]
