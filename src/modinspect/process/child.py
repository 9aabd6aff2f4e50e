"""What holds for each child process: how it is killed, how it is watched, and how its end is described."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from modinspect.usercode import place_in_dump

GRACE = 3.0
"""Seconds that a child has, after its time is up, to say where it was and end itself."""

_TIMED_OUT = "Timeout ("
"""How the dump of :mod:`faulthandler` begins when the time is up."""


@dataclass(frozen=True)
class Ended:
    """A child that ended without a result.

    Args:
        message: how it ended, and where its code was.
        hint: what to do about it; empty if there is nothing to say.
        detail: the frames that it was in, or the last lines that it printed.
    """

    message: str
    hint: str = ""
    detail: str = ""


def usable_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def watchdog(timeout: float | None, file: int | TextIO = 2) -> Iterator[None]:
    """Ends this process after ``timeout`` seconds, and writes the frames that it was in to ``file``.

    A thread in C does that, which waits for nobody.
    """
    if timeout is not None:
        faulthandler.dump_traceback_later(timeout, exit=True, file=file)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def timed_out(timeout: float, frames: str = "") -> Ended:
    """A child whose time was up.

    Args:
        timeout: in seconds.
        frames: the frames that it was in, as :mod:`faulthandler` wrote them.
    """
    place = place_in_dump(frames)
    where = f", and was at {place}" if place else ""
    hint = "--timeout SECONDS sets the limit; 0 means no limit."
    return Ended(f"it took longer than {timeout:g} s{where}", hint, frames.partition("\n")[2].rstrip())


def killed(number: int, frames: str = "") -> Ended:
    """A child that a signal killed.

    Args:
        number: of the signal.
        frames: the frames that it was in, as :mod:`faulthandler` wrote them.
    """
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    place = place_in_dump(frames)
    where = f", and was at {place}" if place else ""
    hint = "The system may have run out of memory." if name == "SIGKILL" else ""
    return Ended(f"the process that ran the model was killed by {name}{where}", hint)


def timeout_frames(written: str) -> str | None:
    """The frames in what a child wrote, if :func:`watchdog` ended it; else ``None``."""
    return written.rpartition(_TIMED_OUT)[2] if _TIMED_OUT in written else None


def kill(pid: int) -> None:
    """Kills a process and the group of processes that it leads, if they still run."""
    with suppress(OSError, AttributeError):  # there are no groups on Windows
        os.killpg(pid, signal.SIGKILL)
    with suppress(OSError, AttributeError):
        os.kill(pid, signal.SIGKILL)  # it may not lead its group yet
