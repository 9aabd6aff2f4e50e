"""Messages on standard error, and their exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from modinspect._version import __version__
from modinspect.errors import ModinspectError

FAILED = 2
INTERRUPTED = 130


@contextmanager
def errors_told(*, with_traceback: bool) -> Iterator[None]:
    """Turns any error of the block into a message on standard error and exit code 2."""
    try:
        yield
    except ModinspectError as error:
        _tell(error, error.message, error.hint, with_traceback)
    except SystemExit as error:
        _tell(error, f"the model's code ended the program with sys.exit({error.code!r})", "", with_traceback)
    except (KeyboardInterrupt, typer.Exit):
        raise
    except BaseException as error:
        _tell(error, *_unforeseen(error), with_traceback)


def error(message: str, hint: str = "") -> None:
    """Prints an error and a hint as plain text; markup and control codes are escaped."""
    _print("error: ", "bold red", message)
    if hint:
        _print("hint: ", "bold cyan", hint)


def found(message: str) -> None:
    """Prints the reason for exit code 1 as plain text."""
    _print("found: ", "bold yellow", message)


def note(message: str) -> None:
    """Prints a note as plain text."""
    _print("note: ", "bold", message)


def print_traceback(text: str) -> None:
    """Prints a traceback."""
    _print("", "", text.rstrip("\n"))


def interrupted() -> None:
    """Prints that the command was interrupted."""
    _print("interrupted", "bold", "")


def wrong_usage(problem: typer.TyperException, args: Sequence[str]) -> int:
    """Prints what is wrong with a command line, and what was probably meant."""
    from modinspect.wording import did_you_mean

    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "modinspect"
    close = getattr(problem, "possibilities", None)  # where an option is mistyped
    message = (problem.message if close else problem.format_message()).replace("Value error, ", "")
    meant = did_you_mean(getattr(problem, "option_name", ""), close) if close else _meant(message, args)
    error(message[:1].lower() + message[1:], meant or f"'{command} --help' lists all options.")
    return FAILED


def _meant(message: str, args: Sequence[str]) -> str:
    if message.startswith("No such command") and any(char in args[0] for char in ".:/"):
        return f"To look at a model: modinspect show {args[0]}"
    if "unexpected extra argument" in message:
        return "show takes one target. Inputs: --input 1,10. Arguments of the constructor: --init KEY=VALUE."
    return ""


def _unforeseen(error: BaseException) -> tuple[str, str]:
    import platform

    from modinspect.usercode import describe, fault_of_the_model

    fault = fault_of_the_model(error)
    if fault is not None:
        return fault, "--traceback prints all frames."
    torch = sys.modules.get("torch")
    versions = f"modinspect {__version__}, torch {getattr(torch, '__version__', '?')}, Python {platform.python_version()}"
    return (
        f"modinspect itself failed, which is a bug: {describe(error)}",
        f"Please report it with what --traceback prints, the command and, if you can, the model ({versions}).",
    )


def _tell(raised: BaseException, message: str, hint: str, with_traceback: bool) -> None:
    if with_traceback:
        from modinspect.usercode import traceback_text

        print_traceback(traceback_text(raised))
    error(message, hint)
    raise typer.Exit(FAILED)


def _print(label: str, style: str, text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from modinspect.render import plain

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    try:
        console.print(Text.assemble((label, style), plain(text, lines=True)), soft_wrap=True)
    except OSError:
        return  # standard error is closed
