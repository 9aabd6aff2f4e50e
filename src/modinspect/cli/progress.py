"""A live line on a terminal that shows progress."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

_FIRST_AFTER = 0.5
_EVERY = 0.1
_ERASE = "\r\x1b[2K"


@contextmanager
def live_line() -> Iterator[Callable[[str], None] | None]:
    """Shows a line on standard error while the block runs; yields the function that sets its text.

    Yields ``None`` if standard error isn't a terminal. Short work shows no line. Output of the model appears above the line.
    """
    if not _is_terminal(sys.stderr):
        yield None
        return
    line = _Line(sys.stderr)
    prints = cast(TextIO, _Printed(line))
    thread = threading.Thread(target=line.draw_until_done, name="modinspect-progress", daemon=True)
    thread.start()
    try:
        with redirect_stderr(prints), redirect_stdout(prints):
            yield line.say
    finally:
        line.done.set()
        thread.join()
        line.erase()


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown") and os.name == "posix"


class _Line:
    """The line, and whether it is on the screen. Drawing and printing never wait for each other."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._started = time.monotonic()
        self._text = "importing"
        self._drawn = ""
        self._amid = False
        self.done = threading.Event()

    def say(self, text: str) -> None:
        self._text = text

    def draw_until_done(self) -> None:
        wait = _FIRST_AFTER
        while not self.done.wait(wait):
            wait = _EVERY
            text = self._now()
            if text != self._drawn and not self._amid:
                self._drawn = text
                self._write(_ERASE + text)

    def erase(self) -> None:
        if self._drawn:
            self._drawn = ""
            self._write(_ERASE)

    def print(self, text: str) -> int:
        """Prints other output. The line is hidden until that output ends with a line break."""
        self.erase()
        if text:
            self._amid = not text.endswith("\n")
        return self.stream.write(text)

    def _now(self) -> str:
        from modinspect.render import cut_right, plain

        elapsed = f"  {time.monotonic() - self._started:.0f} s"
        return cut_right(plain(self._text), self._width() - len(elapsed)) + elapsed

    def _width(self) -> int:
        try:
            return (os.get_terminal_size(self.stream.fileno()).columns or 80) - 1
        except (OSError, ValueError):
            return 79

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()


class _Printed:
    """Stands in for standard error and keeps the line intact. Still works after the line is gone."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def write(self, text: str) -> int:
        return self._line.print(text)

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line.stream, name)
