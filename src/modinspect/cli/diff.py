"""``modinspect diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modinspect.cli import options
from modinspect.cli.messages import errors_told
from modinspect.cli.saved import read_report
from modinspect.cli.streams import check_destination, stdout_for_results, write_result
from modinspect.cli.verdict import is_seen, tell_difference
from modinspect.render import DIFFERENCE_FORMATS, find_format

if TYPE_CHECKING:
    Format = str
else:
    Format = options.format_of(DIFFERENCE_FORMATS)

DIFFERS = 1

DIFF_EXAMPLES = r"""
[bold]Examples[/bold]
modinspect show pkg.mod:Net -i 1,10 --format json --output before.json
modinspect diff before.json after.json
"""


def diff(
    before: Annotated[str, typer.Argument(metavar="A.json", help="A report saved by show --format json.", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B.json", help="The report to compare it with.", show_default=False)],
    *,
    output_format: Format = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Compare two saved reports: modules, ops, parameters, shapes and FLOPs that were added, removed or changed.

    Exits with 0 if they are equal, 1 if they differ. Needs neither torch nor the models.
    """
    with errors_told(with_traceback=traceback), stdout_for_results() as stdout:
        check_destination(output)
        from modinspect.cli.styled import styled, terminal_width
        from modinspect.comparison import diff as compare
        from modinspect.render.comparison import diff_text

        difference = compare(read_report(before), read_report(after))
        if output_format == "text":
            text = styled(diff_text(difference, terminal_width(output, stdout)), output, stdout)
        else:
            text = find_format(DIFFERENCE_FORMATS, output_format).render(difference)
        write_result(text, output, stdout)
        if difference:
            if not is_seen(output_format, output, stdout):
                tell_difference(difference, before, after, output)
            raise typer.Exit(DIFFERS)
