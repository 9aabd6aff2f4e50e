"""The lines below the table: the share of the run that is hidden, parameters, FLOPs and torchinfo's counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from modinspect.render.table.cross_check import cross_check
from modinspect.render.table.flops import flops_of, has_estimates
from modinspect.render.table.legend import grid
from modinspect.render.table.rows import in_turn
from modinspect.render.table.symbols import Symbols
from modinspect.render.text import amount, compact, data_size, percent, plain, some
from modinspect.report import Report, StateTensor, short_name

_NOT_RUN = "Nothing was run: these are the registered modules only."
_HOW_TO_RUN = "To run it, give the shape of each argument of forward: --input 1,3,224,224, --input ids=1,128:int64"
_NAMED_AT_MOST = 4


def conclusion(report: Report, symbols: Symbols) -> RenderableType:
    """The share of the run that ``print(model)`` does not show."""
    totals = report.totals
    if not report.ran:
        said = any("--input" in note for note in report.model.notes)
        return Group(Text(_NOT_RUN, style="bold"), *([] if said else [Text(_HOW_TO_RUN)]))
    if not totals.hidden_ops:
        ops = "the only op" if totals.ops == 1 else f"all {amount(totals.ops, 'op')}"
        return Text(f"Nothing is hidden: print(model) names a layer for {ops}.", style="bold")
    verb = "is" if totals.hidden_ops == 1 and not totals.flops else "are"
    share = f"{totals.hidden_ops:,} of {amount(totals.ops, 'op')}{_share_of_flops(report, symbols)}"
    return Text(f"{share} {verb} hidden from print(model).", style="bold")


def _share_of_flops(report: Report, symbols: Symbols) -> str:
    totals = report.totals
    estimates = has_estimates(report.ops)
    if estimates and totals.estimated_flops != totals.flops:
        known = [(op.hidden, flops_of(op, estimates=True) or 0) for op in report.ops]
        whole, hidden = sum(flops for _, flops in known), sum(flops for is_hidden, flops in known if is_hidden)
        about, counted = (symbols.about, "") if totals.estimated_flops is not None else ("", "counted ")
    else:
        whole, hidden, about = totals.flops, totals.hidden_flops, ""
        counted = "counted " if totals.uncounted_ops and totals.estimated_flops is None else ""
    return f" and {_share(hidden, whole, about)} of the {counted}FLOPs" if whole else ""


def _share(part: int, whole: int, about: str) -> str:
    if not 0 < part < whole:
        return "all" if part else "none"
    share = percent(part, whole)
    return share if share.startswith(("<", ">")) else about + share


def sums(report: Report, symbols: Symbols) -> RenderableType:
    """Parameters and their memory, FLOPs, and torchinfo's counts."""
    table = grid(2)
    table.add_row(Text("parameters", style="dim"), Text(_parameters(report, symbols)))
    if report.packed:
        table.add_row(Text("packed", style="dim"), Text(_packed(report.packed, symbols)))
    if report.ran:
        table.add_row(Text("FLOPs", style="dim"), Text("\n".join(_flops(report, symbols))))
    if report.torchinfo is not None:
        table.add_row(Text("torchinfo", style="dim"), cross_check(report, report.torchinfo, symbols))
    return table


def _parameters(report: Report, symbols: Symbols) -> str:
    totals = report.totals
    frozen = totals.params - totals.trainable_params
    trained = f"{frozen:,} frozen" if frozen else "all trainable" if totals.params else ""
    details = [part for part in (trained, _dtypes(report.parameters), data_size(totals.param_bytes)) if part]
    text = f"{totals.params:,} ({', '.join(details)})"
    if not totals.buffer_bytes:
        return text
    unsaved = sum(not buffer.persistent for buffer in report.buffers)
    state = f" ({unsaved:,} of {len(report.buffers):,} not in state_dict)" if unsaved else ""
    return f"{text} {symbols.dot} buffers {data_size(totals.buffer_bytes)}{state}"


def _dtypes(tensors: Iterable[StateTensor]) -> str:
    """The dtypes, unless all are float32."""
    dtypes = dict.fromkeys(plain(tensor.dtype) for tensor in tensors)
    return "" if set(dtypes) <= {"float32"} else " + ".join(dtypes)


def _packed(tensors: Sequence[StateTensor], symbols: Symbols) -> str:
    """Weights that quantized modules keep outside their parameters."""
    elements = sum(tensor.numel for tensor in tensors)
    dtypes = " + ".join(dict.fromkeys(plain(tensor.dtype) for tensor in tensors))
    return f"{elements:,} elements ({dtypes}) in quantized modules {symbols.dot} not counted as parameters"


def _flops(report: Report, symbols: Symbols) -> list[str]:
    totals = report.totals
    if totals.estimated_flops is None and totals.uncounted_ops:
        return _lower_bound(report, symbols)
    estimate = totals.flops if totals.estimated_flops is None else totals.estimated_flops
    if estimate == totals.flops:
        return [f"{_whole(estimate)} {symbols.dot} {_whole(estimate // 2)} MACs"]
    guessed = [op.name for op in report.ops if op.estimated_flops != op.flops]
    lines = [f"{symbols.about}{compact(estimate)} {symbols.dot} {symbols.about}{compact(estimate // 2)} MACs"]
    return [*lines, f"estimated: {_op_names(guessed, symbols)}"] if guessed else lines


def _lower_bound(report: Report, symbols: Symbols) -> list[str]:
    """The FLOPs that are known, and the ops that have no formula."""
    estimates = has_estimates(report.ops)
    known = [flops_of(op, estimates=estimates) for op in report.ops]
    names = [op.name for op, flops in zip(report.ops, known, strict=True) if flops is None]
    least = sum(flops or 0 for flops in known)
    without = f"no formula for {_op_names(names, symbols) or amount(report.totals.uncounted_ops, 'op')}"
    how = "add one with torch.utils.flop_counter.register_flop_formula"
    return [f"at least {compact(least)} {symbols.dot} {without}" if least else f"not known: {without}", how]


def _op_names(names: Iterable[str], symbols: Symbols) -> str:
    counted = in_turn(sorted(plain(short_name(name)) for name in names))
    return symbols.spell(some(counted, _NAMED_AT_MOST, symbols.ellipsis))


def _whole(number: int) -> str:
    """A number short and, where that rounds it, in full."""
    short = compact(number)
    return short if number < 10_000 else f"{short} ({number:,})"
