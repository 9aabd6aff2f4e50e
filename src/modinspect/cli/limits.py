"""A limit on the time that a model may take, and a word where its code ends the process."""

from __future__ import annotations

import atexit
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

from modinspect import cli
from modinspect.cli.messages import FAILED, INTERRUPTED, error
from modinspect.usercode import place_in_dump, relative

_GRACE = 3.0
"""Seconds after its time that a process has to end itself, saying where it was; and those that threads have at the end."""

_EVERY = 0.02
_SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""

_ENDED = 143
"""The exit code of a process that was told to end (SIGTERM), as shells give it."""


@contextmanager
def limited(timeout: float | None) -> Iterator[bool]:
    """Ends the block, and the command with exit code 2, where it takes longer than ``timeout`` seconds.

    0, ``None`` and what is too long for a clock are no limit.

    The block runs in a child process, which can be ended whatever it does, together with the processes that it has started; and
    where it crashes, somebody is there to say so. Where processes can't be forked (Windows), a thread ends the process; it has
    to wait for C code that holds Python's lock. Where the block calls ``os._exit()``, that is said, and the exit code is 2.

    Gives whether the process ends with the block.
    """
    if not timeout or timeout > threading.TIMEOUT_MAX:
        timeout = None
    with _limit(timeout) as ends, _exits_told():
        yield ends


def _limit(timeout: float | None) -> AbstractContextManager[bool]:
    # A child that outlives a parent which was killed can be prevented on Linux alone, so elsewhere one needs a reason.
    if hasattr(os, "fork") and (timeout is not None or (cli.is_own_process and sys.platform == "linux")):
        return _in_a_child(timeout)
    return nullcontext(False) if timeout is None else _by_a_thread(timeout)


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
def _in_a_child(timeout: float | None) -> Iterator[bool]:
    """The parent never gets into the block: it waits for the child and leaves with its exit code."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as frames:
        sys.stdout.flush()
        sys.stderr.flush()
        parent, child = os.getpid(), os.fork()
        if child:
            raise typer.Exit(_outcome(child, timeout, frames))
        code = FAILED
        try:
            os.setsid()  # so that it can be ended together with what it starts
            _end_with(parent)
            faulthandler.enable(frames)  # for crashes
            if timeout is not None:
                # a thread in C, which needs nothing of Python
                faulthandler.dump_traceback_later(timeout, exit=True, file=frames)
            yield True
            code = 0
        except typer.Exit as end:
            code = end.exit_code
        except KeyboardInterrupt:
            code = INTERRUPTED
        finally:
            if timeout is None:
                _let_finish()
            _leave(code)


def _end_with(parent: int) -> None:
    """Lets the system end this process when its parent is gone, even if that was killed (Linux)."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before
        os._exit(FAILED)


def _let_finish() -> None:
    """Does what Python does when it ends: waits for threads, though not for ever, and calls exit handlers."""
    deadline = time.monotonic() + _GRACE
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
    atexit._run_exitfuncs()


def _leave(code: int) -> NoReturn:
    """Ends the child at once, whatever threads the model has started."""
    faulthandler.cancel_dump_traceback_later()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _outcome(child: int, timeout: float | None, frames: TextIO) -> int:
    """Waits for the child; gives the exit code, and says what went wrong where the child could not."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_ENDED))
    try:
        status = os.waitpid(child, 0)[1] if timeout is None else _wait(child, timeout + _GRACE)
    finally:
        signal.signal(signal.SIGTERM, before)
        _kill(child)
    frames.seek(0)
    dump = frames.read()
    place = place_in_dump(dump)
    where = f", and was at {place}" if place else ""
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        hint = "The system may have run out of memory." if name == "SIGKILL" else ""
        error(f"the process that ran the model was ended by {name}{where}", hint)
        return FAILED
    if timeout is not None and (status is None or "Timeout (" in dump):
        error(f"it took longer than {timeout:g} s{where}", "--timeout gives it longer; without it there is no limit.")
        return FAILED
    assert status is not None
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
def _by_a_thread(timeout: float) -> Iterator[bool]:
    leave = os._exit

    def end() -> None:
        error(f"it took longer than {timeout:g} s", "--timeout gives it longer; without it there is no limit.")
        leave(FAILED)

    timer = threading.Timer(timeout, end)
    timer.daemon = True
    timer.start()
    try:
        yield False
    finally:
        timer.cancel()
