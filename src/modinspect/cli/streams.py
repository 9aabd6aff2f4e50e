"""Standard output contains only the result. Files are written completely or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import TextIO

from modinspect.errors import OutputError

STDOUT = ("-", "/dev/stdout")
"""The names of standard output as a destination."""


@contextmanager
def stdout_for_results(*, for_good: bool = False) -> Iterator[TextIO]:
    """Yields the stream for results. All other output goes to standard error meanwhile.

    This includes C code and child processes, which write to the file descriptor. ``for_good`` means that the process ends with
    the block: threads that print later can't reach the results either.
    """
    stdout = sys.stdout
    fd = _descriptor(stdout)
    with ExitStack() as stack:
        if for_good:
            sys.stdout = sys.stderr
        else:
            stack.enter_context(redirect_stdout(sys.stderr))
        if fd is None:
            yield stdout
            return
        stdout.flush()
        ours = open(os.dup(fd), "w", encoding=stdout.encoding, errors="backslashreplace")  # noqa: SIM115  (closed below)
        _point_at_stderr(fd)
        try:
            yield ours
        finally:
            if not for_good:
                os.dup2(ours.fileno(), fd)
            with suppress(OSError):  # already reported when writing failed
                ours.close()


def redirect_for_good(stdout: TextIO) -> None:
    """Redirects standard output to standard error until the process ends."""
    fd = _descriptor(stdout)
    if fd is None:
        return
    try:
        stdout.flush()
    except OSError:  # the reader has closed the pipe
        _point_at_nothing(fd)
    else:
        _point_at_stderr(fd)


def check_destination(output: str) -> None:
    """Checks before the work that the result can be written.

    Raises:
        OutputError: the directory doesn't exist or isn't writable, or the file can't be replaced.
    """
    if output in STDOUT:
        return
    try:
        target = os.path.realpath(output)
    except ValueError as error:  # a NUL or a surrogate in the name
        raise OutputError(
            f"the output {output!r} can't be written: no file can have that name", "Name another file."
        ) from error
    directory = os.path.dirname(target)
    if not output:
        raise OutputError("--output is empty", "Name a file, or - for standard output.")
    if os.path.isdir(target):
        raise OutputError(f"the output {output!r} is a directory", "Name a file in it.")
    if not os.path.isdir(directory):
        raise OutputError(f"the output {output!r} can't be written: there is no directory {directory!r}", "Create it first.")
    # A file is replaced by a new one in its directory. Devices and pipes are written to directly.
    needed = [target] if os.path.exists(target) else []
    needed += [] if _is_no_file(target) else [directory]
    for place in needed:
        if not os.access(place, os.W_OK):
            where = f" in the directory {directory!r}" if place == directory else ""
            raise OutputError(f"the output {output!r} can't be written: permission denied{where}", "Name another file.")


def write_result(text: str, output: str, stdout: TextIO) -> None:
    """Writes a result to a file, or to ``stdout``. A reader that closes early (``| head``) is not an error.

    Args:
        text: the result
        output: a file, or ``-`` for ``stdout``
        stdout: where ``-`` writes to

    Raises:
        OutputError: it could not be written.
    """
    try:
        if output in STDOUT:
            stdout.write(text)
            stdout.flush()
        else:
            _write_file(os.path.realpath(output), text)
    except BrokenPipeError:
        return
    except OSError as error:
        place = "standard output" if output in STDOUT else repr(output)
        raise OutputError(f"the result could not be written to {place}: {error.strerror or error}") from error


def _write_file(target: str, text: str) -> None:
    if _is_no_file(target):
        with open(target, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return
    temporary = f"{target}.{os.getpid()}.part"
    try:
        with open(temporary, "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _is_no_file(target: str) -> bool:
    """Whether ``target`` exists and can't be replaced, as a device or a pipe."""
    return os.path.exists(target) and not os.path.isfile(target)


def _descriptor(stream: TextIO) -> int | None:
    """The file descriptor behind a stream; ``None`` for an in-memory stream."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _point_at_stderr(fd: int) -> None:
    stderr = _descriptor(sys.stderr)
    try:
        os.dup2(2 if stderr is None else stderr, fd)
    except OSError:  # standard error is closed
        _point_at_nothing(fd)


def _point_at_nothing(fd: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, fd)
    os.close(nothing)
