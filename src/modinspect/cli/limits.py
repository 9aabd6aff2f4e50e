"""A limit on the time that a model may take, and a word where its code ends the process."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import NoReturn, TextIO

import typer

from modinspect.cli.messages import FAILED, INTERRUPTED, error
from modinspect.usercode import place_in_dump, relative

_GRACE = 3.0
"""Seconds after its time that a process has to end itself, saying where it was."""

_EVERY = 0.02
_ENDED = 143
"""The exit code of a process that was told to end (SIGTERM), as shells give it."""


@contextmanager
def limited(timeout: float | None) -> Iterator[None]:
    """Ends the block, and the command with exit code 2, where it takes longer than ``timeout`` seconds.

    0, ``None`` and what is too long for a clock are no limit.

    With a limit the block runs in a child process, which can be ended whatever it does, together with the processes that it
    has started. Where processes can't be forked (Windows), a thread ends the process; it has to wait for C code that holds
    Python's lock. Where the block calls ``os._exit()``, that is said, and the exit code is 2.
    """
    with _limit(timeout), _exits_told():
        yield


def _limit(timeout: float | None) -> AbstractContextManager[None]:
    if not timeout or timeout > threading.TIMEOUT_MAX:
        return nullcontext()
    return _in_a_child(timeout) if hasattr(os, "fork") else _by_a_thread(timeout)


@contextmanager
def _exits_told() -> Iterator[None]:
    """``os._exit()`` says who called it where it ends this process; in one that was forked from it it works as ever."""
    original, pid = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        if os.getpid() != pid:
            original(status)
        caller = sys._getframe(1)
        place = f"{relative(caller.f_code.co_filename)}:{caller.f_lineno}"
        error(f"the model's code ended the process with os._exit({status!r}) (at {place})")
        original(FAILED)

    os._exit = told
    try:
        yield
    finally:
        os._exit = original


@contextmanager
def _in_a_child(timeout: float) -> Iterator[None]:
    """The parent never gets into the block: it waits for the child and leaves with its exit code."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as frames:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            raise typer.Exit(_outcome(child, timeout, frames))
        code = FAILED
        try:
            os.setsid()  # so that it can be ended together with what it starts
            # a thread in C, which needs nothing of Python
            faulthandler.dump_traceback_later(timeout, exit=True, file=frames)
            yield
            code = 0
        except typer.Exit as end:
            code = end.exit_code
        except KeyboardInterrupt:
            code = INTERRUPTED
        finally:
            _leave(code)


def _leave(code: int) -> NoReturn:
    """Ends the child at once, whatever threads the model has started."""
    faulthandler.cancel_dump_traceback_later()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _outcome(child: int, timeout: float, frames: TextIO) -> int:
    """Waits for the child; gives the exit code, and says what went wrong where the child could not."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_ENDED))
    try:
        status = _wait(child, timeout + _GRACE)
    finally:
        signal.signal(signal.SIGTERM, before)
        _kill(child)
    frames.seek(0)
    dump = frames.read()
    if status is None or dump:
        place = place_in_dump(dump)
        where = f", and was at {place}" if place else ""
        error(f"it took longer than {timeout:g} s{where}", "--timeout gives it longer; without it there is no limit.")
        return FAILED
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        hint = "The system may have run out of memory." if name == "SIGKILL" else ""
        error(f"the process that ran the model was ended by {name}", hint)
        return FAILED
    return os.WEXITSTATUS(status)


def _wait(child: int, seconds: float) -> int | None:
    """The status that the child ended with; ``None`` if it has not by then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(_EVERY)
    return None


def _kill(child: int) -> None:
    """Ends the child, if it still runs, and what it has started."""
    with suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    with suppress(OSError):
        os.kill(child, signal.SIGKILL)  # it may not have made its group yet
    with suppress(OSError):
        os.waitpid(child, 0)


@contextmanager
def _by_a_thread(timeout: float) -> Iterator[None]:
    leave = os._exit

    def end() -> None:
        error(f"it took longer than {timeout:g} s", "--timeout gives it longer; without it there is no limit.")
        leave(FAILED)

    timer = threading.Timer(timeout, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
