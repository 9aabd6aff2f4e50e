"""``modinspect explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modinspect.cli import options
from modinspect.cli.messages import errors_told
from modinspect.cli.streams import STDOUT, check_destination, stdout_for_results, write_result
from modinspect.render import RULE_FORMATS, find_format

if TYPE_CHECKING:
    Format = str
else:
    Format = options.format_of(RULE_FORMATS)

EXPLAIN_EXAMPLES = r"""
[bold]Examples[/bold]
modinspect explain
modinspect explain MI103
modinspect explain unregistered-weight
"""


def explain(
    rule: Annotated[
        str | None,
        typer.Argument(
            metavar="RULE",
            autocompletion=options.complete_rule,
            help="Id or name of a rule. Default: list all.",
            show_default=False,
        ),
    ] = None,
    *,
    output_format: Format = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Explain a rule of lint: what it finds, why that is bad, what to do instead. Without a rule, list all of them."""
    with errors_told(with_traceback=traceback), stdout_for_results() as stdout:
        check_destination(output)
        from modinspect.linter import CATALOG, find_rule, rule_infos
        from modinspect.render.rules import draw

        rules = rule_infos(CATALOG) if rule is None else rule_infos([find_rule(rule)])[0]
        if output_format == "text":
            text = draw(rules, stdout, colours=output in STDOUT)
        else:
            text = find_format(RULE_FORMATS, output_format).render(rules)
        write_result(text, output, stdout)
