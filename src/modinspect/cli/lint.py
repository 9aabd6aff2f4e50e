"""``modinspect lint``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

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
    from modinspect.findings import LintReport, Severity

    Format = str
else:
    Format = options.format_of(LINT_FORMATS)

FOUND = 1
TIMEOUT = 300.0
"""Seconds for one model where nobody says otherwise."""

LINT_EXAMPLES = r"""
[bold]Examples[/bold]

modinspect lint modinspect.examples.MyModel --input 1,10

modinspect lint pkg.mod:Net -i 1,3,224,224 --select MI1,MI3 --fail-on error

modinspect lint --format sarif --output modinspect.sarif

modinspect lint --write-baseline lint-baseline.json

modinspect explain MI103
"""

RULES = "Which rules"

Selectors = list[str] | None


def lint(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="As for show; several are checked at once. Without any, the models listed in pyproject.toml.",
            show_default=False,
        ),
    ] = None,
    *,
    inputs: options.Inputs = None,
    arguments: options.Arguments = None,
    input_fn: options.InputFn = None,
    init: options.Init = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="DEVICE",
            help="auto (large models without memory for weights), weightless, cpu, cuda, cuda:1, mps.",
            show_default="auto",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    dtype: options.Dtype = None,
    opaque: options.Opaque = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            help="How many models are checked at the same time.",
            show_default="one for each core",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0,
            help="How long one model may take; 0 is no limit.",
            show_default=f"{TIMEOUT:g}",
            rich_help_panel=options.RUN,
        ),
    ] = None,
    select: Annotated[
        Selectors,
        typer.Option("--select", metavar="RULES", help="Only these: MI103, or MI1 for all of a kind.", rich_help_panel=RULES),
    ] = None,
    ignore: Annotated[
        Selectors, typer.Option("--ignore", metavar="RULES", help="None of these. Repeatable.", rich_help_panel=RULES)
    ] = None,
    fail_on: Annotated[
        Literal["error", "warning", "info"] | None,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="The mildest that makes the exit code 1: error, warning or info.",
            show_default="warning",
            rich_help_panel=RULES,
        ),
    ] = None,
    include_installed: Annotated[
        bool,
        typer.Option(
            "--include-installed",
            metavar=options.FLAG,
            help="Report findings in installed libraries too.",
            rich_help_panel=RULES,
        ),
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="FILE", help="Findings that are known and accepted.", rich_help_panel=RULES),
    ] = None,
    write_baseline: Annotated[
        str | None,
        typer.Option("--write-baseline", metavar="FILE", help="Accept all that is found now.", rich_help_panel=RULES),
    ] = None,
    output_format: Format = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Find bugs in models that only a run shows: unregistered weights, dropout in eval mode, lost gradients, ...

    Each model is run several times in a process of its own. The exit code is 1 where something was found.
    """
    with errors_told(with_traceback=traceback), stdout_for_results() as stdout:
        check_destination(output)
        from modinspect.cli.lint_plan import Asked
        from modinspect.config import RunOptions, read_config
        from modinspect.inputs import parse_arguments
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
        for failure in report.failures:
            if traceback:
                print_traceback(failure.detail)
            error(f"{failure.target}: {failure.message}", failure.hint)
        if write_baseline is None:
            write_result(_written(report, output_format, threshold, output, stdout), output, stdout)
        elif not report.failures:
            _write_baseline(report, write_baseline, stdout)
        if report.failures:
            raise typer.Exit(FAILED)
        if write_baseline is None and report.at_least(threshold):
            if not is_seen(output_format, output, stdout):
                tell_findings(report, threshold, output)
            raise typer.Exit(FOUND)


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
    seconds = next(limit for limit in (timeout, config.timeout, TIMEOUT) if limit is not None)
    with live_line() as progress, importable_cwd(*config.directories):
        return lint_targets(
            planned,
            workers=workers or config.jobs,
            timeout=seconds or None,
            severity=config.severity,
            baseline=known,
            progress=progress,
        )


def _written(report: LintReport, name: str, threshold: Severity, output: str, stdout: TextIO) -> str:
    from modinspect.cli.styled import styled
    from modinspect.render.findings import FindingsView, findings_text

    if name == "text":
        return styled(findings_text(report), output, stdout)
    return find_format(LINT_FORMATS, name).render(report, FindingsView(_repository(), threshold))


def _repository() -> str:
    """The directory of the repository that the working directory is in, ``""`` where it is in none."""
    here = Path.cwd()
    return next((str(directory) for directory in (here, *here.parents) if (directory / ".git").exists()), "")


def _write_baseline(report: LintReport, file: str, stdout: TextIO) -> None:
    from modinspect.cli.messages import note
    from modinspect.findings import baseline_text
    from modinspect.render import amount

    write_result(baseline_text(report.findings), file, stdout)
    count = len([finding for finding in report.findings if finding.suppressed_by != "comment"])
    note(f"{amount(count, 'finding')} accepted in {os.path.relpath(file)}; use it with: modinspect lint --baseline {file}")
