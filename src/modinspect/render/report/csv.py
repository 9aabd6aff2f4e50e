"""A report as comma-separated values, for spreadsheets and data frames.

Modules come first, in the order of ``named_modules()``, then ops in the order in which they ran. The columns:

- ``row``: ``module`` or ``op``
- ``index``: of the op, from 0
- ``module``: the path of the module, or of the op's owner; empty for the model itself
- ``name``: the module's class, or the op's public name
- ``kind``: of an op: ``compute``, ``view``, ``create`` or ``read``; of a module: ``layer`` or ``module``
- ``hidden``: whether ``print(model)`` does not show it
- ``calls``: how often the module was called
- ``settings``: what ``extra_repr()`` says of a module
- ``inputs``, ``outputs``: shapes with dtypes, separated by semicolons
- ``params``, ``trainable_params``, ``param_bytes``: in the module and below it, each tensor counted once
- ``flops``: as ``torch.utils.flop_counter`` counts
- ``estimated_flops``: of an op, with formulas of modinspect's own where torch has none
- ``file``, ``line``: of an op's call

A number that is not known is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from modinspect.render.table import View
from modinspect.render.text import plain, shape_text
from modinspect.report import ModuleInfo, Op, Operand, Report, Result

COLUMNS = (
    "row", "index", "module", "name", "kind", "hidden", "calls", "settings", "inputs", "outputs", "params", "trainable_params",
    "param_bytes", "flops", "estimated_flops", "file", "line",
)  # fmt: skip

_Value = str | int | None


def render(report: Report, _view: View | None = None) -> str:
    """All modules and ops, whatever the view."""
    page = io.StringIO()
    writer = csv.DictWriter(page, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in (*map(_module, report.modules), *map(_op, report.ops)):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return page.getvalue()


def _cell(value: _Value) -> _Value:
    """Text as it is safe to print and to open: a spreadsheet takes what begins with one of these as a formula."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _module(module: ModuleInfo) -> dict[str, _Value]:
    return {
        "row": "module",
        "module": module.path,
        "name": module.class_name,
        "kind": "layer" if module.layer else "module",
        "hidden": _truth(not module.registered),
        "calls": module.calls,
        "settings": module.extra_repr,
        "outputs": "; ".join(shape_text(shape) for shape in module.output_shapes),
        "params": module.params,
        "trainable_params": module.trainable_params,
        "param_bytes": module.param_bytes,
        "flops": module.flops,
    }


def _op(op: Op) -> dict[str, _Value]:
    return {
        "row": "op",
        "index": op.index,
        "module": op.module,
        "name": op.name,
        "kind": op.kind,
        "hidden": _truth(op.hidden),
        "inputs": _tensors(op.inputs),
        "outputs": _tensors(op.outputs),
        "flops": op.flops,
        "estimated_flops": op.estimated_flops,
        "file": op.source.file if op.source else None,
        "line": op.source.line if op.source else None,
    }


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _tensors(tensors: Sequence[Operand | Result]) -> str:
    return "; ".join(f"{shape_text(tensor.shape)} {tensor.dtype}" for tensor in tensors)
