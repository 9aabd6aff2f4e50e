"""The box that says why ``forward`` raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from modinspect.render.table.legend import grid
from modinspect.render.table.marks import FAILED
from modinspect.render.table.rows import origin_words
from modinspect.render.table.symbols import Symbols
from modinspect.render.text import last_part, place, plain, shape_text
from modinspect.report import ForwardError, Report, Shape, short_name


def failure(report: Report, error: ForwardError, symbols: Symbols) -> RenderableType:
    """The exception in words, the line of code, the operands, and the exception's own message.

    Args:
        report: what ran before.
        error: what ``forward`` raised.
        symbols: the glyphs that the console can show.
    """
    blocks: list[RenderableType] = []
    if error.sentence:
        blocks += [Text(plain(error.sentence, lines=True), style="bold"), Text()]
    if error.source:
        where = f"{place(error.source)} in {plain(error.source.function)}"
        blocks += [Text(where, style="dim"), Text(f"    {plain(error.source.code or '')}".rstrip()), Text()]
    if error.op is not None and error.op.inputs:
        met = [(one.argument, one.shape, one.dtype, one.origin, one.device) for one in error.op.inputs]
        blocks += [_operands(short_name(error.op.name), met, report), Text()]
    call = next((call for call in reversed(report.calls) if call.module == error.module), None)
    if error.op is None and error.module and call is not None and call.inputs:
        met = [(tensor.path, tensor.shape, tensor.dtype, tensor.origin, None) for tensor in call.inputs]
        blocks += [_operands(error.module, met, report), Text()]
    blocks.append(Text(plain(error.message, lines=True) or "(no message)"))
    title = f"{symbols.mark(FAILED)} {plain(error.type)} in {_module_words(report, error.module)}"
    return Panel(Group(*blocks), title=Text(title, style="bold red"), title_align="left", border_style="red", box=box.ROUNDED)


def _module_words(report: Report, path: str) -> str:
    name = next((last_part(module.class_name) for module in report.modules if module.path == path), "")
    return f"{plain(path)} ({plain(name)})" if path and name else plain(path or name or last_part(report.model.class_name))


_Met: TypeAlias = tuple[str, Shape | None, str, str | None, str | None]
"""A tensor that met others: argument, shape, dtype, origin and, if it is not the model's, device."""


def _operands(name: str, met: Sequence[_Met], report: Report) -> RenderableType:
    """The arguments, shapes, dtypes, devices and origins of what the call that failed got."""
    table = grid(3)
    devices = any(device for *_, device in met)
    for argument, shape, dtype, origin, device in met:
        words = plain(origin_words(report, origin))
        where = f" on {plain(device or report.model.device)}" if devices else ""
        table.add_row(
            Text(f"    {plain(argument)}"),
            Text(shape_text(shape, dtype) + where),
            Text(f"from {words}" if words else "", style="dim"),
        )
    return Group(Text.assemble((plain(name), "bold red"), (" got", "dim")), table)
