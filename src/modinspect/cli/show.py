"""``modinspect show``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

import typer

from modinspect.cli import options
from modinspect.cli.limits import limited
from modinspect.cli.messages import FAILED, errors_told, print_traceback
from modinspect.cli.progress import live_line
from modinspect.cli.saved import is_saved_report, read_report
from modinspect.cli.streams import STDOUT, check_destination, stdout_for_results, write_result
from modinspect.cli.verdict import is_seen, tell_failure
from modinspect.errors import ReportError
from modinspect.render import REPORT_FORMATS, find_format

if TYPE_CHECKING:
    from modinspect.config import RunOptions
    from modinspect.render.table import View
    from modinspect.report import Report

    Format = str
else:
    Format = options.format_of(REPORT_FORMATS)


SHOW_EXAMPLES = r"""
[bold]Examples[/bold]
modinspect show modinspect.examples.MyModel --input 1,10
modinspect show 'model.py:GPT(GPTConfig(n_layer=2))' -i idx=1,128:int64
"""


def show(
    target: options.Target,
    *,
    inputs: options.Inputs = None,
    arguments: options.Arguments = None,
    input_fn: options.InputFn = None,
    init: options.Init = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    train: options.Train = False,
    grad: options.Grad = False,
    opaque: options.Opaque = None,
    timeout: options.Timeout = None,
    depth: options.Depth = None,
    expand: options.Expand = False,
    ops: options.Ops = "all",
    aten: options.Aten = False,
    output_format: Format = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Show what a model runs: its modules and the ops hidden in forward, in order."""

    def work(ends: bool) -> None:
        with errors_told(with_traceback=traceback), stdout_for_results(for_good=ends) as stdout:
            check_destination(output)
            started = os.getpid()
            with live_line() as progress:
                from modinspect.config import RunOptions
                from modinspect.inputs import parse_arguments

                literals = parse_arguments(arguments or ())
                asked = RunOptions(tuple(inputs or ()), input_fn, device, dtype, train or None, grad or None, literals)
                if is_saved_report(target):
                    report = _read(target, run_options=asked != RunOptions() or bool(init or opaque))
                else:
                    report = _inspected(target, asked, init or (), opaque or (), progress)
            if os.getpid() != started:
                os._exit(0)  # a copy of this process, forked by the model: only the original answers
            from modinspect.render.table import View

            if traceback and report.error:
                print_traceback(report.error.traceback)
            view = View(depth=depth, expand=expand, ops=ops, aten=aten)
            write_result(_written(report, view, output_format, output, stdout), output, stdout)
            if report.error:
                if not is_seen(output_format, output, stdout):
                    tell_failure(report, output)
                raise typer.Exit(FAILED)

    limited(work, timeout)


def _read(file: str, *, run_options: bool) -> Report:
    """Reads a saved report; nothing runs."""
    if run_options:
        message = f"{file!r} is a saved report: options that say how to build and run a model don't apply"
        raise ReportError(message, "Leave them out, or name the model.")
    return read_report(file)


def _inspected(
    target: str,
    asked: RunOptions,
    init: Sequence[str],
    opaque: Sequence[str],
    progress: Callable[[str], None] | None,
) -> Report:
    """Inspects a target; the command line overrides the configuration."""
    from modinspect.api import inspect_target
    from modinspect.config import read_config
    from modinspect.target import importable_cwd, parse_init

    config = read_config()
    listed = config.model(target)
    # The configuration's general inputs may not fit a model that isn't listed.
    general = replace(config.how, inputs=(), input_fn=None)
    how = asked.over(listed.how).over(general)
    with importable_cwd(*config.directories):
        return inspect_target(
            target,
            how.inputs,
            init={**listed.init, **parse_init(init)},
            input_fn=how.input_fn,
            device="auto" if how.device is None else how.device,
            dtype=how.dtype,
            train=bool(how.train),
            grad=bool(how.grad),
            opaque=opaque or config.opaque,
            arguments=how.arguments,
            progress=progress,
        )


def _written(report: Report, view: View, name: str, output: str, stdout: TextIO) -> str:
    """The report in a format. On a terminal, the table has colours and the terminal's width."""
    if name != "text" or output not in STDOUT:
        return find_format(REPORT_FORMATS, name).render(report, view)

    from rich.console import Console

    from modinspect.render.table import render_table, table_text

    console = Console(file=stdout)
    if console.is_terminal:
        with console.capture() as captured:
            console.print(render_table(report, view), end="")
        return captured.get()
    return table_text(report, console.width if _near_a_terminal() else None, view, stdout.encoding)


def _near_a_terminal() -> bool:
    """Whether piped output probably ends up on a terminal (``| less``)."""
    return "COLUMNS" in os.environ or any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.__stderr__))
