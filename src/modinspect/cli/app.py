"""The command ``modinspect`` and its table of commands."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from importlib import import_module
from typing import Annotated

import typer
from typer.main import get_command

from modinspect._version import __version__
from modinspect.cli import messages

COMMANDS = {
    "show": "Show what a model runs: its modules and the ops hidden in forward, in order.",
    "lint": "Find bugs in models that only a run shows: unregistered weights, dropout in eval mode, lost gradients, ...",
    "explain": "Explain a rule of lint: what it finds, why that is bad, what to do instead. Without a rule, list all of them.",
    "memory": "Estimate the GPU memory of inference and training, without a GPU: peaks, what backward keeps, what would fit.",
    "diff": "Compare two saved reports: modules, ops, parameters, shapes and FLOPs that were added, removed or changed.",
}
"""Each command is a function in a module of the same name, which is imported only for that command."""


def run(args: Sequence[str]) -> int:
    """Runs one command line and returns its exit code. Errors go to standard error."""
    completing = "_MODINSPECT_COMPLETE" in os.environ
    asked_for = COMMANDS if completing else set(args)
    try:
        code = get_command(_app(asked_for)).main(list(args), prog_name="modinspect", standalone_mode=False)
    except typer.TyperException as error:
        return messages.wrong_usage(error, args)
    if code == messages.INTERRUPTED:
        messages.interrupted()
    return code if isinstance(code, int) else 0


def _app(asked_for: Container[str]) -> typer.Typer:
    """The app with the commands ``asked_for``. The others are only listed, without importing them."""
    app = typer.Typer(
        name="modinspect",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(
        invoke_without_command=True,
        epilog="Start with:  modinspect show modinspect.examples.MyModel --input 1,10",
    )(_modinspect)
    for name, summary in COMMANDS.items():
        if name in asked_for:
            module = import_module(f"modinspect.cli.{name}")
            app.command(name, epilog=getattr(module, f"{name.upper()}_EXAMPLES"))(getattr(module, name))
        else:
            app.command(name, help=summary)(_only_listed)
    return app


def _only_listed() -> None:
    raise AssertionError("a command that was not asked for was called")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modinspect {__version__}")
        raise typer.Exit


def _modinspect(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  (its callback does all)
        bool, typer.Option("--version", metavar="", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What does a PyTorch model really run?

    Runs it once and shows its registered modules and the operations that forward calls, side by side.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)
        raise typer.Exit(messages.FAILED)
