"""``modinspect explain``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from modinspect.cli import options
from modinspect.cli.messages import errors_told
from modinspect.cli.streams import STDOUT, check_destination, stdout_for_results, write_result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from modinspect.findings import RuleInfo

EXPLAIN_EXAMPLES = r"""
[bold]Examples[/bold]

modinspect explain

modinspect explain MI103

modinspect explain unregistered-weight
"""


def explain(
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE", help="The id or the name of a rule; without it, all are listed.", show_default=False),
    ] = None,
    *,
    output_format: Annotated[
        Literal["text", "markdown", "json"],
        typer.Option(
            "--format",
            metavar="text|markdown|json",
            help="For the terminal, for a file, or data.",
            rich_help_panel=options.RESULT,
        ),
    ] = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Explain a rule of lint: what it finds, why that is bad, what to do instead. Without a rule, list all of them."""
    with errors_told(with_traceback=traceback), stdout_for_results() as stdout:
        check_destination(output)
        from modinspect.linter import CATALOG, find_rule, infos

        if rule is None:
            text = _list(infos(CATALOG), output_format, output, stdout)
        else:
            text = _page(infos([find_rule(rule)])[0], output_format, output, stdout)
        write_result(text, output, stdout)


def _list(rules: tuple[RuleInfo, ...], name: str, output: str, stdout: TextIO) -> str:
    from modinspect.render.rules import rule_index, rule_list

    if name == "json":
        return json.dumps([asdict(rule) for rule in rules], indent=2) + "\n"
    return rule_index(rules) if name == "markdown" else _drawn(rule_list(rules), output, stdout)


def _page(rule: RuleInfo, name: str, output: str, stdout: TextIO) -> str:
    from modinspect.render.rules import rule_markdown, rule_page

    if name == "json":
        return json.dumps(asdict(rule), indent=2) + "\n"
    return rule_markdown(rule) if name == "markdown" else _drawn(rule_page(rule), output, stdout)


def _drawn(page: RenderableType, output: str, stdout: TextIO) -> str:
    """The page as wide as the terminal; without styles where there is none."""
    from rich.console import Console
    from rich.theme import Theme

    # rich's own style puts code on black, on a light terminal too
    theme = Theme({"markdown.code": "bold cyan"})
    console = Console(file=stdout, theme=theme, highlight=False, color_system="auto" if output in STDOUT else None)
    with console.capture() as captured:
        console.print(page)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"
