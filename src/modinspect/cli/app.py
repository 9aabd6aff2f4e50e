"""The command ``modinspect`` and its table of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from modinspect import __version__
from modinspect.cli import messages
from modinspect.cli.diff import DIFF_EXAMPLES, diff
from modinspect.cli.explain import EXPLAIN_EXAMPLES, explain
from modinspect.cli.lint import LINT_EXAMPLES, lint
from modinspect.cli.show import SHOW_EXAMPLES, show

app = typer.Typer(
    name="modinspect",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command(epilog=SHOW_EXAMPLES)(show)
app.command(epilog=LINT_EXAMPLES)(lint)
app.command(epilog=EXPLAIN_EXAMPLES)(explain)
app.command(epilog=DIFF_EXAMPLES)(diff)


def run(args: Sequence[str]) -> int:
    """Runs one command line and answers its exit code; says on standard error what went wrong."""
    try:
        code = get_command(app).main(list(args), prog_name="modinspect", standalone_mode=False)
    except typer.TyperException as error:
        return messages.wrong_usage(error, args)
    if code == messages.INTERRUPTED:
        messages.interrupted()
    return code if isinstance(code, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modinspect {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog="Start with:  modinspect show modinspect.examples.MyModel --input 1,10",
)
def _modinspect(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  (its callback does all)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What does a PyTorch model really run?

    Runs it once and shows the modules that it registers and the operations that forward calls by itself, side by side.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)
        raise typer.Exit(messages.FAILED)
