"""``modinspect lint``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from modinspect.cli import options
from modinspect.cli.messages import FAILED, error, errors_told, print_traceback
from modinspect.cli.progress import live_line
from modinspect.cli.streams import check_destination, stdout_for_results, write_result
from modinspect.cli.verdict import is_seen, tell_findings
from modinspect.render import LINT_FORMATS, find_format

if TYPE_CHECKING:
    from modinspect.cli.lint_plan import Asked
    from modinspect.config import Config
    from modinspect.findings import LintReport
    from modinspect.render.findings import FindingsView

    Format = str
else:
    Format = options.format_of(LINT_FORMATS)

FOUND = 1

LINT_EXAMPLES = r"""
[bold]Examples[/bold]
modinspect lint modinspect.examples.MyModel --input 1,10
modinspect lint pkg.mod:Net -i 1,3,224,224 --select MI1,MI3 --fail-on error
modinspect lint --format sarif --output modinspect.sarif
modinspect explain MI103
"""


def lint(
    targets: options.Targets = None,
    *,
    inputs: options.Inputs = None,
    arguments: options.Arguments = None,
    input_fn: options.InputFn = None,
    init: options.Init = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    opaque: options.Opaque = None,
    jobs: options.Jobs = None,
    timeout: options.LintTimeout = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    severity: options.Severity = None,
    fail_on: options.FailOn = None,
    include_installed: options.IncludeInstalled = False,
    baseline: options.Baseline = None,
    write_baseline: options.WriteBaseline = None,
    output_format: Format = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Find bugs in models that only a run shows: unregistered weights, dropout in eval mode, lost gradients, ...

    Exits with 1 if something was found.
    """
    with errors_told(with_traceback=traceback), stdout_for_results() as stdout:
        check_destination(output)
        from modinspect.cli.lint_plan import Asked
        from modinspect.config import RunOptions, read_config
        from modinspect.inputs import parse_arguments
        from modinspect.render.findings import FindingsView
        from modinspect.target import parse_init

        if write_baseline is not None:
            check_destination(write_baseline)
        config = read_config()
        asked = Asked(
            targets=tuple(targets or ()),
            how=RunOptions(tuple(inputs or ()), input_fn, device, dtype, arguments=parse_arguments(arguments or ())),
            init=parse_init(init or ()),
            opaque=tuple(opaque or ()),
            select=_split(select),
            ignore=_split(ignore),
            include_installed=include_installed,
        )
        known = None if write_baseline is not None else baseline or config.baseline
        report = _linted(asked, config, jobs, timeout, known)
        threshold = fail_on or config.fail_on or "warning"
        _tell_failures(report, with_traceback=traceback)
        if write_baseline is None:
            view = FindingsView(_repository(), threshold, severity or ("info" if threshold == "info" else "warning"))
            write_result(_written(report, output_format, view, output, stdout), output, stdout)
        elif not report.failures:
            _write_baseline(report, write_baseline, stdout)
        if report.failures:
            raise typer.Exit(FAILED)
        if write_baseline is None and report.at_least(threshold):
            if not is_seen(output_format, output, stdout):
                tell_findings(report, threshold, output)
            raise typer.Exit(FOUND)


def _tell_failures(report: LintReport, *, with_traceback: bool) -> None:
    for failure in report.failures:
        if with_traceback:
            print_traceback(failure.detail)
        error(f"{failure.target}: {failure.message}", failure.hint)


def _split(selectors: Sequence[str] | None) -> tuple[str, ...]:
    """``--select MI1,MI3 --select MI5`` as one list."""
    return tuple(part.strip() for selector in selectors or () for part in selector.split(","))


def _linted(asked: Asked, config: Config, workers: int | None, timeout: float | None, baseline: str | None) -> LintReport:
    from modinspect.cli.lint_plan import plan
    from modinspect.findings import read_baseline
    from modinspect.linter import lint_targets
    from modinspect.target import importable_cwd

    planned = plan(asked, config)
    known = read_baseline(baseline) if baseline else frozenset()
    seconds = next(limit for limit in (timeout, config.timeout, options.LINT_TIMEOUT) if limit is not None)
    with live_line() as progress, importable_cwd(*config.directories):
        return lint_targets(
            planned,
            workers=workers or config.jobs,
            timeout=seconds or None,
            severity=config.severity,
            baseline=known,
            progress=progress,
        )


def _written(report: LintReport, name: str, view: FindingsView, output: str, stdout: TextIO) -> str:
    from modinspect.cli.styled import styled
    from modinspect.render.findings import findings_text

    if name == "text":
        return styled(findings_text(report, view.listed), output, stdout)
    return find_format(LINT_FORMATS, name).render(report, view)


def _repository() -> str:
    """The root of the git repository around the working directory; ``""`` outside of one."""
    here = Path.cwd()
    return next((str(directory) for directory in (here, *here.parents) if (directory / ".git").exists()), "")


def _write_baseline(report: LintReport, file: str, stdout: TextIO) -> None:
    from modinspect.cli.messages import note
    from modinspect.findings import baseline_text
    from modinspect.render import amount

    write_result(baseline_text(report.findings), file, stdout)
    count = len([finding for finding in report.findings if finding.suppressed_by != "comment"])
    note(f"{amount(count, 'finding')} accepted in {os.path.relpath(file)}; use it with: modinspect lint --baseline {file}")
