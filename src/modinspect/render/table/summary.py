"""What stands around the table: what was inspected, what the marks mean, the sums, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from modinspect.render.table import facts
from modinspect.render.table.marks import FAILED, FOREIGN_MODULE, FOREIGN_TENSOR, MARKS, TIED, UNUSED, Mark
from modinspect.render.table.rows import Rows, origin_words
from modinspect.render.table.symbols import Symbols
from modinspect.render.table.tree import span, without_numbers
from modinspect.render.table.view import View
from modinspect.render.text import (
    amount,
    compact,
    data_size,
    last_part,
    percent,
    place,
    plain,
    shape_text,
    some,
)
from modinspect.report import CrossCheck, ForwardError, Op, Report, Shape, Source, Unregistered, short_name

_EXAMPLES = 6
"""How many of a kind are named; the others are counted."""

_NOT_RUN = "Nothing was run: this is the registered half alone."
_HOW_TO_RUN = "Give the shape of each argument of forward to see the other half: --input 1,3,224,224, --input ids=1,128:int64"


def before_table(report: Report, symbols: Symbols) -> Iterator[RenderableType]:
    """What was inspected, how, and on which input."""
    model = report.model
    yield Text(plain(model.target), style="bold")
    how = (
        plain(last_part(model.class_name)),
        "train mode" if model.training else "eval mode",
        plain(model.device),
        f"{model.execution} run" if report.ran else "not run",
    )
    yield Text(f" {symbols.dot} ".join(part for part in how if part), style="dim")
    if report.inputs:
        inputs = [f"{plain(tensor.name)} {shape_text(tensor.shape, tensor.dtype)}".strip() for tensor in report.inputs]
        yield Text(f"input  {some(inputs, 4, symbols.ellipsis)}", style="dim")
    yield Text()


def after_table(report: Report, rows: Rows, view: View, symbols: Symbols) -> Iterator[RenderableType]:
    """What the marks mean; the sums, or what went wrong; and the notes. What went wrong comes last, where people look first.

    Args:
        report: which the table shows
        rows: of the table, whose marks are explained
        view: what the reader asked for
        symbols: Unicode or ASCII
    """
    blocks: list[RenderableType | None] = [_legend(report, rows, view, symbols)]
    if report.error is None:
        blocks += [_conclusion(report), _sums(report, symbols)]
    blocks.append(_notes(report, rows))
    if report.error is not None:
        blocks.append(_failure(report, report.error, symbols))
    for block in blocks:
        if block is not None:
            yield Text()
            yield block


def _legend(report: Report, rows: Rows, view: View, symbols: Symbols) -> RenderableType | None:
    """The marks that occur, each with what it stands for and, where that helps, which ones."""
    occurring = set(rows.marks)
    grid = _grid(3)
    for mark in MARKS:
        if mark in occurring:
            grid.add_row(Text(symbols.mark(mark), style=mark.style), mark.title, Text(mark.meaning, style="dim"))
            for line in _shortened(_examples(mark, report), view, symbols):
                grid.add_row("", "", Text(line))
    if any(row.times > 1 for row in rows.rows):
        meaning = "so many alike in a row, shown once with the numbers of one (--expand shows all)"
        grid.add_row(Text(symbols.times, style="bold"), "folded", Text(meaning, style="dim"))
    return grid if grid.row_count else None


def _grid(columns: int) -> Table:
    """A grid whose last column wraps."""
    grid = Table.grid(padding=(0, 2), pad_edge=False)
    for _ in range(columns - 1):
        grid.add_column(no_wrap=True)
    grid.add_column()
    return grid


def _shortened(lines: Sequence[str], view: View, symbols: Symbols) -> Sequence[str]:
    if view.expand or len(lines) <= _EXAMPLES + 1:
        return lines
    return [*lines[:_EXAMPLES], f"{symbols.ellipsis} and {len(lines) - _EXAMPLES:,} more"]


def _examples(mark: Mark, report: Report) -> list[str]:
    """Which tensors or modules a mark is about."""
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
    """`` at model.py:31``: here the name of the file is enough, its folder stands in the table."""
    return f" at {place(source).rpartition('/')[2]}" if source else ""


def _conclusion(report: Report) -> RenderableType:
    """How much of the run ``print(model)`` does not show."""
    totals = report.totals
    if not report.ran:
        told = any("--input" in note for note in report.model.notes)
        return Group(Text(_NOT_RUN, style="bold"), *([] if told else [Text(_HOW_TO_RUN)]))
    if not totals.hidden_ops:
        return Text(f"Nothing is hidden: print(model) names a layer for {_all_ops(totals.ops)}.", style="bold")
    verb = "is" if totals.hidden_ops == 1 and not totals.flops else "are"
    share = f"{totals.hidden_ops:,} of {amount(totals.ops, 'op')}{_share_of_flops(report)}"
    return Text(f"{share} {verb} hidden from print(model).", style="bold")


def _share_of_flops(report: Report) -> str:
    totals = report.totals
    if totals.estimated_flops and totals.uncounted_ops:
        hidden = sum(op.estimated_flops or 0 for op in report.ops if op.hidden)
        return f" and about {_share(hidden, totals.estimated_flops)} of the FLOPs"
    counted = "counted " if totals.uncounted_ops else ""
    return f" and {_share(totals.hidden_flops, totals.flops)} of the {counted}FLOPs" if totals.flops else ""


def _share(part: int, whole: int) -> str:
    return percent(part, whole) if 0 < part < whole else "all" if part else "none"


def _all_ops(count: int) -> str:
    return "the one op" if count == 1 else f"all {amount(count, 'op')}"


def _sums(report: Report, symbols: Symbols) -> RenderableType:
    totals = report.totals
    dot = f" {symbols.dot} "
    grid = _grid(2)
    frozen = totals.params - totals.trainable_params
    trained = f"{frozen:,} frozen" if frozen else "all trainable"
    parameters = [f"{totals.params:,}", *([trained] if totals.params else []), data_size(totals.param_bytes)]
    if totals.buffer_bytes:
        parameters.append(f"buffers {data_size(totals.buffer_bytes)}")
    grid.add_row(Text("parameters", style="dim"), Text(dot.join(parameters)))
    if report.ran:
        flops = [_whole(totals.flops), f"{_whole(totals.flops // 2)} MACs"]
        lines = [dot.join(flops)] if totals.flops or not totals.uncounted_ops else []
        lines += [_uncounted(report, symbols)] if totals.uncounted_ops else []
        grid.add_row(Text("FLOPs", style="dim"), Text("\n".join(lines)))
    if report.torchinfo is not None:
        grid.add_row(Text("torchinfo", style="dim"), _cross_check(report.torchinfo, report, symbols))
    return grid


def _uncounted(report: Report, symbols: Symbols) -> str:
    totals = report.totals
    without = f"{amount(totals.uncounted_ops, 'op')} without a formula"
    if totals.estimated_flops is None:
        return f"not counted: {without} (?)"
    return f"{symbols.about}{_whole(totals.estimated_flops)} with estimates for {without}"


def _whole(number: int) -> str:
    """A number short and, where that rounds it, in full."""
    short = compact(number)
    return short if number < 10_000 else f"{short} ({number:,})"


def _cross_check(check: CrossCheck, report: Report, symbols: Symbols) -> Text:
    """What torchinfo counted, beside what is here."""
    parts = [
        _beside(check.params, report.totals.params, "parameters", symbols),
        _beside(check.mult_adds, report.totals.flops // 2, "mult-adds", symbols),
    ]
    text = Text(f" {symbols.dot} ").join(part for part in parts if part)
    if check.note:
        text = Text(": ").join([part for part in (text, Text(plain(check.note, lines=True))) if part])
    return text


def _beside(theirs: int | None, ours: int, noun: str, symbols: Symbols) -> Text:
    if theirs is None:
        return Text()
    if theirs == ours:
        return Text(f"{theirs:,} {noun}, as here")
    return Text.assemble(f"{theirs:,} {noun} ", (f"{symbols.differs} {ours:,} here", "yellow"))


def _notes(report: Report, rows: Rows) -> RenderableType | None:
    notes = [plain(note, lines=True) for note in report.model.notes]
    if rows.not_shown:
        notes.append(f"{amount(rows.not_shown, 'hidden op')} without a row here (--ops all shows them)")
    grid = _grid(2)
    for note in notes:
        grid.add_row(Text("note", style="dim"), Text(note))
    return grid if notes else None


def _failure(report: Report, error: ForwardError, symbols: Symbols) -> RenderableType:
    """What ``forward`` raised: in words, the operands that met, the line of code, and the exception's own message."""
    blocks: list[RenderableType] = []
    if error.sentence:
        blocks += [Text(plain(error.sentence, lines=True), style="bold"), Text()]
    if error.source:
        where = f"{place(error.source)} in {plain(error.source.function)}"
        blocks += [Text(where, style="dim"), Text(f"    {plain(error.source.code or '')}".rstrip()), Text()]
    if error.op is not None and error.op.inputs:
        met = [(operand.argument, operand.shape, operand.dtype, operand.origin) for operand in error.op.inputs]
        blocks += [_operands(short_name(error.op.name), met, report), Text()]
    call = next((call for call in reversed(report.calls) if call.module == error.module), None)
    if error.op is None and error.module and call is not None and call.inputs:
        met = [(tensor.path, tensor.shape, tensor.dtype, tensor.origin) for tensor in call.inputs]
        blocks += [_operands(error.module, met, report), Text()]
    blocks.append(Text(plain(error.message, lines=True) or "(no message)"))
    title = f"{symbols.mark(FAILED)} {plain(error.type)} in {_module_words(report, error.module)}"
    return Panel(Group(*blocks), title=Text(title, style="bold red"), title_align="left", border_style="red", box=box.ROUNDED)


def _module_words(report: Report, path: str) -> str:
    name = next((last_part(module.class_name) for module in report.modules if module.path == path), "")
    return f"{plain(path)} ({plain(name)})" if path and name else plain(path or name or last_part(report.model.class_name))


def _operands(name: str, met: Sequence[tuple[str, Shape | None, str, str | None]], report: Report) -> RenderableType:
    """What the call that failed got: the argument, shape, dtype and origin of each tensor."""
    grid = _grid(3)
    for argument, shape, dtype, origin in met:
        words = plain(origin_words(report, origin))
        grid.add_row(
            Text(f"    {plain(argument)}"), Text(shape_text(shape, dtype)), Text(f"from {words}" if words else "", style="dim")
        )
    return Group(Text.assemble((plain(name), "bold red"), (" got", "dim")), grid)
