"""Arguments and options of the command line, each described once for all commands that take it.

A help text fits one line of 80 columns. Options that people need first have no panel: they come first, under *Options*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from modinspect.render import Format, formats_help

RUN, ROWS, FINDINGS = "How the model is run", "What is shown", "Which findings count"

LINT_TIMEOUT = 300.0
"""The default limit of ``lint`` for one model, in seconds."""

FLAG = ""
"""The metavar of an option that takes no value; typer would write ``<bool>``."""


def not_negative(value: float | None) -> float | None:
    """Refuses a number below 0. typer's own ``min`` takes room in each help."""
    if value is not None and not value >= 0:
        raise typer.BadParameter(f"{value:g} is less than 0.")
    return value


def at_least_one(value: int | None) -> int | None:
    """Refuses a number below 1."""
    if value is not None and value < 1:
        raise typer.BadParameter(f"{value} is less than 1.")
    return value


def complete_rule(incomplete: str) -> list[tuple[str, str]]:
    """The rule ids that start with ``incomplete``, with their names; for the shell."""
    from modinspect.cli.complete import rule_ids

    return rule_ids(incomplete)


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="pkg.mod:Class, net.py:Class, 'pkg:Net(n=2)'.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="SPEC", help=r"Input: \[name=]DIMS\[:dtype]\[:fill] or @FILE."),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="Argument of forward that isn't a tensor.", rich_help_panel=RUN),
]
InputFn = Annotated[
    str | None,
    typer.Option("--input-fn", metavar="TARGET", help="Function that returns args, kwargs or both.", rich_help_panel=RUN),
]
Init = Annotated[
    list[str] | None,
    typer.Option("--init", metavar="KEY=VALUE", help="Argument of the constructor: width=64."),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help=r"auto, cpu, cuda, mps, weightless\[:cuda].",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option("--dtype", metavar="DTYPE", help="Of parameters and inputs: bfloat16, ...", rich_help_panel=RUN),
]
Train = Annotated[bool, typer.Option("--train", metavar=FLAG, help="Train mode instead of eval.", rich_help_panel=RUN)]
Grad = Annotated[bool, typer.Option("--grad", metavar=FLAG, help="With autograd instead of no_grad.", rich_help_panel=RUN)]
Opaque = Annotated[
    list[str] | None,
    typer.Option("--opaque", metavar="GLOB", help="Classes that count as layers: timm.layers.*", rich_help_panel=RUN),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        callback=not_negative,
        help="Abort after SECONDS, imports included.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(
        "--depth", metavar="N", callback=not_negative, help="Levels to show; 0 is only the model.", show_default=False
    ),
]
Expand = Annotated[bool, typer.Option("--expand", metavar=FLAG, help="Show each of repeated blocks.", rich_help_panel=ROWS)]
Ops = Annotated[
    Literal["all", "compute", "none"],
    typer.Option("--ops", metavar="all|compute|none", help="Hidden ops to show.", show_default=False, rich_help_panel=ROWS),
]
Aten = Annotated[bool, typer.Option("--aten", metavar=FLAG, help="Show the ATen operators of each op.", rich_help_panel=ROWS)]


def format_of(formats: Sequence[Format]) -> Any:
    """The type of ``--format`` for a command with these formats, with its help."""
    names = tuple(known.name for known in formats)
    return Annotated[
        Literal[names],
        typer.Option("--format", metavar="FORMAT", help=f"{formats_help(formats)}.", show_default=False),
    ]


Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write the result to FILE.", show_default=False),
]
Traceback = Annotated[bool, typer.Option("--traceback", metavar=FLAG, help="Print the traceback of an error.")]


# Options of lint

Severities = Literal["error", "warning", "info"]

Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="TARGET", help="One or more. Default: those in pyproject.toml.", show_default=False),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        callback=at_least_one,
        help="Models checked at the same time.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
LintTimeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        callback=not_negative,
        help=f"Limit for each model (default {LINT_TIMEOUT:g}; 0: none).",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULES", autocompletion=complete_rule, help="Only these rules: MI103, MI1, a name."),
]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="RULES", autocompletion=complete_rule, help="None of these rules.")
]
Severity = Annotated[
    Severities | None,
    typer.Option(
        "--severity",
        metavar="SEVERITY",
        help="error, warning or info: lowest to list.",
        show_default=False,
        rich_help_panel=FINDINGS,
    ),
]
FailOn = Annotated[
    Severities | None,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="Lowest severity that exits with 1.",
        show_default=False,
        rich_help_panel=FINDINGS,
    ),
]
IncludeInstalled = Annotated[
    bool,
    typer.Option("--include-installed", metavar=FLAG, help="Include installed libraries.", rich_help_panel=FINDINGS),
]
Baseline = Annotated[
    str | None, typer.Option("--baseline", metavar="FILE", help="Findings that are accepted.", rich_help_panel=FINDINGS)
]
WriteBaseline = Annotated[
    str | None,
    typer.Option("--write-baseline", metavar="FILE", help="Accept all current findings.", rich_help_panel=FINDINGS),
]
