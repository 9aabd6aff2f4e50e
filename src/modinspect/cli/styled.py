"""Renders styled text for a terminal, a pipe or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from modinspect.cli.streams import STDOUT

if TYPE_CHECKING:
    from rich.text import Text


def styled(text: Text, output: str, stdout: TextIO) -> str:
    """``text`` with colours on a terminal that supports them, and in ASCII if the encoding needs it.

    Args:
        text: what to print
        output: a file, or ``-`` for ``stdout``
        stdout: the terminal or pipe whose abilities decide
    """
    if output not in STDOUT:
        return text.plain

    from rich.console import Console

    console = Console(file=stdout, highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        with console.capture() as captured:
            console.print(text, soft_wrap=True, end="")
        return captured.get()
    return _readable(text.plain, stdout.encoding)


def terminal_width(output: str, stdout: TextIO) -> int | None:
    """The width of the terminal in cells; ``None`` if ``output`` isn't a terminal."""
    from rich.console import Console

    console = Console(file=stdout)
    return console.width if output in STDOUT and console.is_terminal else None


def _readable(text: str, encoding: str | None) -> str:
    from modinspect.render.table import ASCII

    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ASCII.spell(text)
    return text
