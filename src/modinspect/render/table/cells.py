"""A row's content as text, in the forms that it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modinspect.render.table.marks import FOREIGN_MODULE, FOREIGN_TENSOR
from modinspect.render.table.rows import Row, Tensor
from modinspect.render.table.symbols import Symbols
from modinspect.render.text import amount, compact, place, plain, shape_text, width_of

_OUTPUTS_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Cells:
    """A row's content as text; where it has several forms, the longest first.

    ``left_out`` and ``aten`` follow the name: ops without a row, and the operators that it became. ``styles`` apply to the
    name and to what follows it.
    """

    row: Row
    marks: tuple[tuple[str, str], ...]
    name: str
    extras: tuple[str, ...]
    times: str
    left_out: str
    aten: str
    outputs: tuple[str, ...]
    params: tuple[str, str]
    flops: str
    source: str
    styles: tuple[str, str]


def cells_of(rows: Sequence[Row], symbols: Symbols) -> list[Cells]:
    """The cells of all rows; what trails a number is as wide everywhere, so that the digits stand below each other."""
    params_tails = [_params_tail(row) for row in rows]
    flops_tails = [" +?" if row.flops and row.uncounted else "" for row in rows]
    params_tail = max(map(len, params_tails), default=0)
    flops_tail = max(map(len, flops_tails), default=0)
    return [
        _cells(row, symbols, tail.ljust(params_tail), more.ljust(flops_tail))
        for row, tail, more in zip(rows, params_tails, flops_tails, strict=True)
    ]


def _params_tail(row: Row) -> str:
    if not row.params:
        return ""
    return (")" if row.counted else "") + (row.frozen.symbol if row.frozen else "")


def _cells(row: Row, symbols: Symbols, params_tail: str, flops_tail: str) -> Cells:
    times = f"{symbols.times}{row.times}" if row.times > 1 else ""
    name = symbols.spell(plain(row.name))
    extras = _extras(row, symbols)
    if row.kind == "round":
        name, extras, times = times, (f"these {row.detail} in turn",), ""
    left_out = f"{symbols.ellipsis} {amount(row.left_out, 'op')}" if row.left_out else ""
    aten = f"{symbols.becomes} {symbols.spell(', '.join(plain(name) for name in row.aten))}" if row.aten else ""
    before = "(" if row.counted else ""
    numbers = (f"{row.params:,}", compact(row.params)) if row.params else ("", "")
    return Cells(
        row=row,
        marks=tuple((symbols.mark(mark) + symbols.spell(number), mark.style) for mark, number in row.marks),
        name=name,
        extras=extras,
        times=times,
        left_out=left_out,
        aten=aten,
        outputs=_outputs(row.outputs, symbols),
        params=(f"{before}{numbers[0]}{params_tail}", f"{before}{numbers[1]}{params_tail}") if row.params else numbers,
        flops=_flops(row, flops_tail, symbols),
        source=place(row.source),
        styles=_styles(row),
    )


def _extras(row: Row, symbols: Symbols) -> tuple[str, ...]:
    """The class with its settings, then the detail; each form has fewer of the settings."""
    classes = [row.class_name + settings for settings in row.settings]
    return tuple("  ".join(symbols.spell(plain(part)) for part in (name, row.detail) if part) for name in classes)


def _styles(row: Row) -> tuple[str, str]:
    if row.kind == "failed":
        return "bold red", "bold red"
    marks = {mark for mark, _ in row.marks}
    beside = "magenta" if FOREIGN_TENSOR in marks else "dim"
    if row.kind in ("round", "title"):
        return "bold", beside
    if not row.hidden:
        return "", beside
    if not marks.isdisjoint((FOREIGN_MODULE, FOREIGN_TENSOR)):
        return "bold magenta", beside
    return "dim cyan" if row.quiet else "cyan", beside


def _flops(row: Row, tail: str, symbols: Symbols) -> str:
    if row.flops is None:
        return "?" + tail
    about = symbols.about if row.estimated else ""
    return about + compact(row.flops) + tail if row.flops else ""


def _outputs(outputs: Sequence[Tensor], symbols: Symbols) -> tuple[str, ...]:
    """Named in full, then ever fewer of them; the first is always there."""
    if not outputs:
        return ("",)
    shown = [shape_text(tensor.shape, tensor.dtype) for tensor in outputs[:_OUTPUTS_AT_MOST]]
    named = [f"{_path(tensor)}{text}" for text, tensor in zip(shown, outputs, strict=False)]
    forms = [named, *(shown[:count] for count in range(len(shown), 0, -1))]
    return tuple(_some(form, len(outputs), symbols) for form in forms)


def _path(tensor: Tensor) -> str:
    return "" if tensor.path.replace(".", "").isdigit() or not tensor.path else f"{plain(tensor.path)} "


def _some(texts: Sequence[str], of: int, symbols: Symbols) -> str:
    more = f" {symbols.ellipsis}+{of - len(texts)}" if of > len(texts) else ""
    return ", ".join(texts) + more


def label_width(cells: Cells, form: int = 0) -> int:
    """The width of the name and its additions, without the operators.

    Args:
        cells: of a row
        form: which of the forms that follow the name: 0 has all settings, -1 has none
    """
    parts = [2 + width_of(part) for part in (cells.extras[form], cells.left_out) if part]
    return width_of(cells.name) + sum(parts) + (1 + width_of(cells.times) if cells.times else 0)
