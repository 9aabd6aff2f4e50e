"""Lints several targets at once, each in a process of its own: what crashes, hangs or ends its process fails alone.

The processes are forked from one that has imported torch, where that is possible (Linux), so that torch is imported once.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeAlias

from modinspect.errors import ModinspectError
from modinspect.lint.result import Failure
from modinspect.lint.rule import is_installed

if TYPE_CHECKING:
    from modinspect.lint.check import Checked
    from modinspect.lint.target import Job

Outcome: TypeAlias = "Checked | Failure"

_PRELOADED = ["torch", "modinspect.lint.runs", "modinspect.lint.catalog"]
_GRACE = 5.0
"""Seconds after its time that a process has to end itself, saying where it was."""

_LAST_LINES = 20
_LONGEST_LOG = 2**20
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)


def default_workers() -> int:
    """As many as there are cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job], *, workers: int, timeout: float | None, progress: Callable[[str], None] | None = None
) -> tuple[Outcome, ...]:
    """Lints each target; the outcomes are in the order of ``jobs``.

    Args:
        jobs: what to lint, and how.
        workers: how many processes run at the same time.
        timeout: seconds that one target may take, imports and all; ``None`` for no limit.
        progress: told in words what is being done.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(jobs))
    running: list[_Running] = []
    start = _Starter(_context(), timeout, max(1, default_workers() // max(1, min(workers, len(jobs)))))
    with tempfile.TemporaryDirectory(prefix="modinspect-") as logs, _ended(running):
        while waiting or running:
            while waiting and len(running) < workers:
                number, job = waiting.pop(0)
                running.append(_Running(number, job, os.path.join(logs, str(number)), start))
            wait([part for one in running for part in (one.connection, one.process.sentinel)], timeout=_patience(running))
            for one in list(running):
                outcome = one.poll()
                if outcome is not None:
                    running.remove(one)
                    outcomes[one.number] = outcome
            if progress is not None:
                progress(_told(len(outcomes), len(jobs), running))
    return tuple(outcomes[number] for number in range(len(jobs)))


def _context() -> Any:
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


@contextmanager
def _ended(running: list[_Running]) -> Iterator[None]:
    """Ends what is still running when the block is left, as by Ctrl-C."""
    try:
        yield
    finally:
        for one in running:
            one.kill()


def _patience(running: Sequence[_Running]) -> float | None:
    deadlines = [one.deadline for one in running if one.deadline is not None]
    return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None


def _told(done: int, total: int, running: Sequence[_Running]) -> str:
    now = running[0].doing if running else ""
    return f"{done} of {total} models checked  {now}" if total > 1 else now


@dataclass(frozen=True)
class _Starter:
    """How processes are made, how long each may take, and how many threads torch may have in each."""

    context: Any
    timeout: float | None
    threads: int


class _Running:
    """One process, what it says while it works, and what came of it."""

    def __init__(self, number: int, job: Job, log: str, starter: _Starter) -> None:
        self.number = number
        self.doing = f"importing {job.label}"
        self._job = job
        self._log = log
        self._timeout = starter.timeout
        self.connection, theirs = starter.context.Pipe(duplex=False)
        self.process = starter.context.Process(target=_work, args=(job, theirs, log, starter.timeout, starter.threads))
        self.process.start()
        theirs.close()
        self.deadline = None if starter.timeout is None else time.monotonic() + starter.timeout + _GRACE

    def poll(self) -> Outcome | None:
        """What came of it; ``None`` while it runs."""
        ended = self.process.exitcode is not None  # asked first: what it said before it ended is then all there
        try:
            while self.connection.poll():
                kind, content = self.connection.recv()
                if kind == "outcome":
                    return self._finish(content)
                self.doing = content
        except (EOFError, OSError):  # it closed its end without an answer
            self.process.join(_GRACE)
            ended = True
        if ended:
            return self._finish(self._gone())
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return self._finish(self._late(""))
        return None

    def kill(self) -> None:
        """Ends the process, if it still runs, and what it has started."""
        with suppress(OSError):
            if hasattr(os, "killpg") and self.process.pid is not None:
                os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(OSError):
            self.process.kill()
        self.process.join(_GRACE)
        self.connection.close()

    def _finish(self, outcome: Outcome) -> Outcome:
        self.process.join(_GRACE / 5)
        self.kill()
        return outcome

    def _gone(self) -> Failure:
        """The process ended without an answer."""
        code, printed = self.process.exitcode, self._printed()
        if "Timeout (" in printed:
            return self._late(printed.rpartition("Timeout (")[2])
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = "The system may have run out of memory." if name == "SIGKILL" else ""
            return Failure(self._job.label, f"its process was ended by {name}", hint, _last_lines(printed))
        message = f"its process ended with exit code {code} before it was done"
        return Failure(self._job.label, message, "Does its code call os._exit()?", _last_lines(printed))

    def _late(self, frames: str) -> Failure:
        """The process took too long; ``frames`` say what it was at."""
        message = f"it took longer than {self._timeout:g} s{_place(frames)}"
        return Failure(
            self._job.label, message, "--timeout gives it longer; 0 is no limit.", frames.partition("\n")[2].rstrip()
        )

    def _printed(self) -> str:
        """The end of what it printed."""
        try:
            with open(self._log, "rb") as log:
                log.seek(max(0, os.path.getsize(self._log) - _LONGEST_LOG))
                return log.read().decode(errors="replace")
        except OSError:
            return ""


def _last_lines(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_LAST_LINES:])


def _place(frames: str) -> str:
    """Where in the user's code the innermost of ``frames`` is."""
    for match in _FRAME.finditer(frames):
        file, line, function = match.groups()
        if not is_installed(file) and not file.startswith(("<", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))):
            return f", and was at {_relative(file)}:{line} in {function}"
    return ""


def _relative(file: str) -> str:
    name = os.path.relpath(file)
    return file if name.startswith("..") else name


def _work(job: Job, connection: Connection, log: str, timeout: float | None, threads: int) -> None:
    """What the process does: lints its target, answers, and ends at once, whatever threads the model has started."""
    if hasattr(os, "setsid"):
        os.setsid()  # so that it can be ended together with what it starts
    _redirect_output(log)
    if timeout is not None:
        faulthandler.dump_traceback_later(timeout, exit=True, file=2)
    outcome = _outcome(job, connection, threads)
    faulthandler.cancel_dump_traceback_later()
    connection.send(("outcome", outcome))
    connection.close()
    os._exit(0)


def _redirect_output(log: str) -> None:
    """What the model prints is kept, in case that it fails."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def _outcome(job: Job, connection: Connection, threads: int) -> Outcome:
    try:
        import torch

        from modinspect.lint.target import lint_target

        torch.set_num_threads(threads)
        return lint_target(job, lambda text: connection.send(("progress", text)))
    except BaseException as error:  # whatever it is, it is this target's alone
        told = "".join(traceback.format_exception(error))
        if isinstance(error, ModinspectError):
            return Failure(job.label, error.message, error.hint, told)
        message = f"modinspect itself failed, which is a bug: {type(error).__name__}: {error}"
        return Failure(job.label, message, "Please report it with what --traceback prints.", told)
