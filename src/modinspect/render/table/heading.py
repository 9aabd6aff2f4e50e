"""The lines above the table: the target, how it was run, and its inputs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from modinspect.render.table.symbols import Symbols
from modinspect.render.text import last_part, plain, shape_text, some
from modinspect.report import OtherValue, Report

_INPUTS_AT_MOST = 4


def before_table(report: Report, symbols: Symbols) -> Iterator[RenderableType]:
    """The target, how it was run, and its inputs and the outputs that are not tensors."""
    model = report.model
    yield Text(plain(model.target), style="bold")
    how = (
        plain(last_part(model.class_name)),
        "train mode" if model.training else "eval mode",
        plain(model.device),
        f"{model.execution} run" if report.ran else "not run",
    )
    yield Text(f" {symbols.dot} ".join(part for part in how if part), style="dim")
    inputs = [f"{plain(tensor.name)} {shape_text(tensor.shape, tensor.dtype)}".strip() for tensor in report.inputs]
    inputs += [_other(value) for value in report.other_inputs]
    if inputs:
        yield Text(f"input  {some(inputs, _INPUTS_AT_MOST, symbols.ellipsis)}", style="dim")
    if report.other_outputs:
        outputs = [_other(value) for value in report.other_outputs]
        yield Text(f"output {some(outputs, _INPUTS_AT_MOST, symbols.ellipsis)}", style="dim")
    yield Text()


def _other(value: OtherValue) -> str:
    """``texts list[str] (3,)``: an input or output that is not a tensor."""
    size = "" if value.shape is None else shape_text(value.shape, value.dtype or "")
    return " ".join(plain(part) for part in (value.path, value.type, size) if part)
