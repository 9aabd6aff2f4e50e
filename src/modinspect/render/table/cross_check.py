"""torchinfo's counts next to ours, and why they differ.

torchinfo (1.8) multiplies the parameters of each called module that has no children: by the output positions if its class name
contains "Conv", by batch and time if it is recurrent, by the batch size otherwise. Biases and norms count; ops of modules with
children don't. The difference to ours is split into these parts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from modinspect.render.table import facts
from modinspect.render.table.flops import FlopSums
from modinspect.render.table.rows import by_path
from modinspect.render.table.symbols import Symbols
from modinspect.render.text import compact, last_part, plain
from modinspect.report import Call, CrossCheck, Report, Shape

_REASONS_AT_MOST = 3
_SMALLEST_SHARE = 0.01
"""Smaller parts of the difference are not named."""


def cross_check(report: Report, check: CrossCheck, symbols: Symbols) -> Text:
    """Torchinfo's parameters and mult-adds, with ours and the reason where they differ.

    Args:
        report: our own counts.
        check: torchinfo's counts on the same forward.
        symbols: the glyphs that the console can show.
    """
    parts = []
    if check.params is not None:
        same = check.params == report.totals.params
        parts.append(_count(f"{check.params:,} parameters", "" if same else _params_differ(report, check.params)))
    if check.mult_adds is not None:
        parts.append(_mult_adds(report, check.mult_adds, symbols))
    text = Text(f" {symbols.dot} ").join(parts)
    return Text(": ").join([part for part in (text, Text(plain(check.note, lines=True))) if part]) if check.note else text


def _count(count: str, difference: str) -> Text:
    return Text.assemble(f"{count} ", (f"({difference})", "yellow") if difference else "(same)")


def _params_differ(report: Report, theirs: int) -> str:
    ours = report.totals.params
    reason = ""
    if theirs > ours and facts.tied(report):
        reason = ": it counts tied weights several times"
    elif theirs < ours and any(tensor.name.endswith("_orig") for tensor in report.parameters):
        reason = ": it leaves out pruned weights"
    return f"{ours:,} here{reason}"


def _mult_adds(report: Report, theirs: int, symbols: Symbols) -> Text:
    """``83,300 mult-adds (2.80 M here: it counts Linear once per sample, and no hidden ops)``."""
    totals = report.totals
    estimate = totals.flops if totals.estimated_flops is None else totals.estimated_flops
    ours = estimate // 2
    if ours == theirs:
        return _count(f"{theirs:,} mult-adds", "")
    short = compact(ours) != compact(theirs)
    about = symbols.about if estimate != totals.flops else ""
    reasons = _reasons(report)
    here = f"{about}{compact(ours) if short else f'{ours:,}'} here"
    reason = f": it counts {_listed(reasons)}" if reasons else ""
    return _count(f"{compact(theirs) if short else f'{theirs:,}'} mult-adds", here + reason)


def _listed(reasons: Sequence[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{', '.join(reasons[:-1])}, and {reasons[-1]}"


def _reasons(report: Report) -> list[str]:
    """Why torchinfo's mult-adds differ, the largest part first; parts under one percent are left out."""
    parts = Counter[str]()
    for reason, mult_adds in _parts(report):
        parts[reason] += abs(mult_adds)
    least = _SMALLEST_SHARE * parts.total()
    reasons = [reason for reason, size in parts.most_common(_REASONS_AT_MOST) if size and size >= least]
    return sorted(reasons, key=lambda reason: reason.startswith("no"))  # left out comes last: "..., and no hidden ops"


def _parts(report: Report) -> Iterator[tuple[str, int]]:
    """The parts of the difference between torchinfo's mult-adds and ours."""
    modules, sums = by_path(report), FlopSums(report.ops)
    own = _own_parameters(report)
    with_children = {facts.owner_of(module.path) for module in report.modules if module.registered and module.path}
    leaves = {module.path for module in report.modules if module.registered} - with_children
    for op in report.ops:
        if op.module not in leaves:
            macs = (sums.between(op.index, op.index + 1).flops or 0) // 2
            name = plain(last_part(modules[op.module].class_name)) if op.module in modules else ""
            yield "no hidden ops" if op.hidden else f"nothing of {name}", macs
    for call in report.calls:
        if call.module in leaves:
            macs = (sums.between(call.start, call.stop).flops or 0) // 2
            name = plain(last_part(modules[call.module].class_name))
            yield from _layer_parts(call, name, macs, own.get(call.module, {}))


def _own_parameters(report: Report) -> dict[str, dict[str, int]]:
    """The sizes of each module's own parameters by their names in it."""
    own: dict[str, dict[str, int]] = {}
    for tensor in report.parameters:
        for name in facts.names_of(tensor):
            owner, _, last = name.rpartition(".")
            own.setdefault(owner, {})[last] = tensor.numel
    return own


def _layer_parts(call: Call, name: str, macs: int, own: dict[str, int]) -> Iterator[tuple[str, int]]:
    shape = call.outputs[0].shape if call.outputs else None
    if not shape:
        return
    weight, bias = own.get("weight", 0), own.get("bias", 0)
    positions = _product(shape[:1] + shape[2:]) if "Conv" in name else shape[0] or 0
    if not macs:
        yield f"the weights of {name}", positions * (weight + bias)
        return
    yield "biases", positions * bias
    recurrent = sum(size for key, size in own.items() if key not in ("weight", "bias") and ("weight" in key or "bias" in key))
    counted = positions * weight + _product(shape[:2]) * recurrent
    if counted < macs:
        yield f"{name} once per sample" if weight else f"no {name}", macs - counted
    elif counted > macs:
        yield f"{name} as a convolution" if "Conv" in name else f"more for {name}", counted - macs


def _product(shape: Shape) -> int:
    return math.prod(size or 0 for size in shape)
