"""The legend: the marks that occur in a table, and what they are about."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from modinspect.render.table import facts
from modinspect.render.table.marks import FOREIGN_MODULE, FOREIGN_TENSOR, MARKS, TIED, UNUSED, Mark
from modinspect.render.table.rows import Rows
from modinspect.render.table.symbols import Symbols
from modinspect.render.table.tree import span, without_numbers
from modinspect.render.table.view import View
from modinspect.render.text import amount, last_part, place, plain, shape_text
from modinspect.report import Op, Report, Source, Unregistered, short_name

_EXAMPLES = 6
"""How many of a kind are named; the others are counted."""


def grid(columns: int) -> Table:
    """A grid without lines; only its last column wraps."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for _ in range(columns - 1):
        table.add_column(no_wrap=True)
    table.add_column()
    return table


def legend(report: Report, rows: Rows, view: View, symbols: Symbols) -> RenderableType | None:
    """The marks that occur, with their meaning and the tensors or modules that they are about.

    Args:
        report: whose tensors and modules are named.
        rows: the rows of the table, with their marks.
        view: how much to show.
        symbols: the glyphs that the console can show.
    """
    occurring = set(rows.marks)
    table = grid(3)
    for mark in MARKS:
        if mark in occurring:
            table.add_row(Text(symbols.mark(mark), style=mark.style), mark.title, Text(mark.meaning, style="dim"))
            for line in _shortened(_examples(mark, report), view, symbols):
                table.add_row("", "", Text(line))
    if any(row.times > 1 for row in rows.rows):
        meaning = "N identical rows in a sequence; the numbers are for one (--expand shows all)"
        table.add_row(Text(f"{symbols.times}N", style="bold"), "folded", Text(meaning, style="dim"))
    return table if table.row_count else None


def _shortened(lines: Sequence[str], view: View, symbols: Symbols) -> Sequence[str]:
    if view.expand or len(lines) <= _EXAMPLES + 1:
        return lines
    return [*lines[:_EXAMPLES], f"{symbols.ellipsis} and {len(lines) - _EXAMPLES:,} more"]


def _examples(mark: Mark, report: Report) -> list[str]:
    """The tensors or modules that a mark is about."""
    if mark is FOREIGN_TENSOR:
        return _foreign_tensors(report)
    if mark is FOREIGN_MODULE:
        return _foreign_modules(report)
    if mark is TIED:
        return [" = ".join(map(plain, facts.names_of(tensor))) for tensor in facts.tied(report)]
    if mark is UNUSED:
        tensors = [tensor for found in facts.unused(report).values() for tensor in found]
        return [f"{plain(tensor.name)} {shape_text(tensor.shape, tensor.dtype)}" for tensor in tensors]
    return []


def _foreign_modules(report: Report) -> list[str]:
    """``layers[0–2] Linear: 20 parameters each, first called at model.py:31``, alike ones in one line, only the outermost."""
    groups: dict[tuple[str, str, int], list[Unregistered]] = {}
    for found in report.unregistered:
        if found.kind == "module":
            groups.setdefault((without_numbers(found.name), found.class_name, found.params), []).append(found)
    return [_foreign_module(found) for found in groups.values()]


def _foreign_module(found: Sequence[Unregistered]) -> str:
    first = found[0]
    each = " each" if len(found) > 1 else ""
    name = f"{plain(span([one.name for one in found]))} {plain(last_part(first.class_name))}"
    return f"{name}: {amount(first.params, 'parameter')}{each}{_at(first.source)}"


def _foreign_tensors(report: Report) -> list[str]:
    """``torch.rand (3, 5): weight of F.linear at model.py:31`` for each."""
    users: dict[str, tuple[str, Op]] = {}
    for op in report.ops:
        for operand in op.inputs:
            if (operand.origin or "").startswith("unregistered:"):
                users.setdefault(operand.origin or "", (operand.argument, op))
    lines = []
    for index, found in enumerate(report.unregistered):
        if found.kind == "tensor":
            line = f"{plain(short_name(found.name))} {shape_text(found.shape, found.dtype or '')}"
            user = users.get(f"unregistered:{index}")
            lines.append(line + (_use(*user) if user else ""))
    return lines


def _use(argument: str, op: Op) -> str:
    what = "" if argument.isdigit() or not argument else f"{plain(argument)} of "
    return f": {what}{plain(short_name(op.name))}{_at(op.source)}"


def _at(source: Source | None) -> str:
    """`` at model.py:31``: without the folder, which the table shows."""
    return f" at {place(source).rpartition('/')[2]}" if source else ""
