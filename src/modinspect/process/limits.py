"""Runs a block of this process in a child: within a time limit, and with a word on how it ended."""

from __future__ import annotations

import atexit
import faulthandler
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from modinspect.patching import patched
from modinspect.process.child import GRACE, Ended, kill, killed, timed_out, timeout_frames, watchdog
from modinspect.usercode import relative

_EVERY = 0.02
_SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""

_TERMINATED = 143
"""The exit code of a process that SIGTERM ended, as shells give it."""


def run_limited(work: Callable[[bool], int], report: Callable[[Ended], int], *, timeout: float | None, isolate: bool) -> int:
    """Runs ``work`` and returns its exit code.

    It runs in a forked child, which can be killed whatever it does, together with the processes that it started; and if it
    crashes, this process can say so. Without fork (Windows), a thread ends the process when the time is up; that thread has to
    wait for C code that holds Python's lock.

    Args:
        work: returns an exit code; gets whether its process ends with it.
        report: called if the child ended without a result; returns the exit code for that.
        timeout: in seconds; 0, ``None`` and more than a clock can count are no limit.
        isolate: fork even without a limit. Only Linux can make sure that such a child doesn't outlive a killed parent.
    """
    if not timeout or timeout > threading.TIMEOUT_MAX:
        timeout = None
    if hasattr(os, "fork") and (timeout is not None or (isolate and sys.platform == "linux")):
        return _in_a_child(work, report, timeout)
    if timeout is None:
        return work(False)
    with _ended_by_a_thread(timeout, report):
        return work(False)


@contextmanager
def exits_reported(report: Callable[[Ended], int]) -> Iterator[None]:
    """``os._exit()`` is reported with its caller if it would end this process; in a fork of it, it works as ever."""
    original, pid = os._exit, os.getpid()

    def reported(status: int) -> NoReturn:
        if os.getpid() != pid:
            original(status)
        caller = sys._getframe(1)
        place = f"{relative(caller.f_code.co_filename)}:{caller.f_lineno}"
        original(report(Ended(f"the model's code ended the process with os._exit({status!r}) (at {place})")))

    with patched(os, "_exit", reported):
        yield


def _in_a_child(work: Callable[[bool], int], report: Callable[[Ended], int], timeout: float | None) -> int:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as frames:
        sys.stdout.flush()
        sys.stderr.flush()
        parent, child = os.getpid(), os.fork()
        if not child:
            _work(work, parent, timeout, frames)
        ended = _wait(child, timeout, frames)
        return report(ended) if isinstance(ended, Ended) else ended


def _work(work: Callable[[bool], int], parent: int, timeout: float | None, frames: TextIO) -> NoReturn:
    """The life of the child."""
    code = 1  # overwritten unless work raises, which it should not
    try:
        os.setsid()  # it can be killed together with what it starts
        _end_with(parent)
        faulthandler.enable(frames)  # for crashes
        with watchdog(timeout, frames):
            code = work(True)
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
        os._exit(1)


def _let_finish() -> None:
    """Does what Python does when it ends: waits for threads, though not forever, and calls exit handlers."""
    deadline = time.monotonic() + GRACE
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
    atexit._run_exitfuncs()


def _leave(code: int) -> NoReturn:
    """Ends the child at once, whatever threads the model has started."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _wait(child: int, timeout: float | None, frames: TextIO) -> int | Ended:
    """The exit code of the child, or how it ended instead. SIGTERM ends both."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        status = os.waitpid(child, 0)[1] if timeout is None else _wait_until(child, time.monotonic() + timeout + GRACE)
    finally:
        signal.signal(signal.SIGTERM, before)
        kill(child)
        with suppress(OSError):
            os.waitpid(child, 0)
    frames.seek(0)
    written = frames.read()
    if status is not None and os.WIFSIGNALED(status):
        return killed(os.WTERMSIG(status), written)
    if timeout is not None and (status is None or timeout_frames(written) is not None):
        return timed_out(timeout, written)
    assert status is not None
    return os.WEXITSTATUS(status)


def _wait_until(child: int, deadline: float) -> int | None:
    """The status that the child ended with; ``None`` if it hasn't ended by then."""
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(_EVERY)
    return None


@contextmanager
def _ended_by_a_thread(timeout: float, report: Callable[[Ended], int]) -> Iterator[None]:
    leave = os._exit
    timer = threading.Timer(timeout, lambda: leave(report(timed_out(timeout))))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
