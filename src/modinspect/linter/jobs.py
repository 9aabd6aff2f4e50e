"""Lints several targets at once, each in a process of its own: what crashes, hangs or ends its process fails alone.

Where processes can be forked (Linux) a worker imports what a target needs and forks the process that lints it, so that the next
target finds imported what both need. Elsewhere each target has a new worker.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from modinspect.errors import ModinspectError
from modinspect.findings import Failure
from modinspect.usercode import describe, fault_of_the_model, place_in_dump, traceback_text

if TYPE_CHECKING:
    from modinspect.linter.check import Checked
    from modinspect.linter.lint_target import Job

Outcome: TypeAlias = "Checked | Failure"

_PRELOADED = ["torch", "modinspect.linter.runs.live_runs", "modinspect.linter.catalog"]
_GRACE = 5.0
"""Seconds after its time that a process has to end itself, saying where it was."""

_LAST_LINES = 20
_LONGEST_LOG = 2**20


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
    idle: list[_Worker] = []
    context, threads = _context(), max(1, default_workers() // max(1, min(workers, len(jobs))))
    with tempfile.TemporaryDirectory(prefix="modinspect-") as logs, _ended(running, idle):
        while waiting or running:
            while waiting and len(running) < workers:
                number, job = waiting.pop(0)
                worker = idle.pop() if idle else _Worker(context, timeout, threads)
                running.append(_Running(number, job, os.path.join(logs, str(number)), worker, timeout))
            wait([part for one in running for part in one.worker.signals], timeout=_patience(running))
            for one in list(running):
                outcome = one.poll()
                if outcome is not None:
                    running.remove(one)
                    outcomes[one.number] = outcome
                    if one.worker.is_ready:
                        idle.append(one.worker)
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
def _ended(running: list[_Running], idle: list[_Worker]) -> Iterator[None]:
    """Ends what is still running when the block is left, as by Ctrl-C."""
    try:
        yield
    finally:
        for worker in [*(one.worker for one in running), *idle]:
            worker.kill()


def _patience(running: Sequence[_Running]) -> float | None:
    deadlines = [one.deadline for one in running if one.deadline is not None]
    return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None


def _told(done: int, total: int, running: Sequence[_Running]) -> str:
    now = running[0].doing if running else ""
    return f"{done} of {total} models checked  {now}" if total > 1 else now


class _Worker:
    """A process that takes one target after the other."""

    def __init__(self, context: Any, timeout: float | None, threads: int) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, timeout, threads))
        self.process.start()
        theirs.close()
        self.forked: int | None = None
        self.is_ready = False

    @property
    def signals(self) -> tuple[Any, Any]:
        """What becomes ready when the worker says something or ends."""
        return self.connection, self.process.sentinel

    def end_forked(self) -> None:
        """Ends the process that the worker has forked, if it still runs, and what it has started."""
        if self.forked is not None:
            with suppress(OSError):
                os.killpg(self.forked, signal.SIGKILL)
            self.forked = None

    def kill(self) -> None:
        """Ends the worker and all that it has started."""
        self.is_ready = False
        self.end_forked()
        with suppress(OSError):
            if hasattr(os, "killpg") and self.process.pid is not None:
                os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(OSError):
            self.process.kill()
        self.process.join(_GRACE)
        self.connection.close()


class _Running:
    """One target at a worker, what is said while it is linted, and what came of it."""

    def __init__(self, number: int, job: Job, log: str, worker: _Worker, timeout: float | None) -> None:
        self.number = number
        self.doing = f"importing {job.label}"
        self.worker = worker
        self._job = job
        self._log = log
        self._timeout = timeout
        self._outcome: Outcome | None = None
        self.deadline = None if timeout is None else time.monotonic() + timeout + _GRACE
        with suppress(OSError):  # a worker that is gone is noticed when it is asked
            worker.connection.send((job, log))

    def poll(self) -> Outcome | None:
        """What came of it; ``None`` while it runs."""
        ended = self.worker.process.exitcode is not None  # asked first: what it said before it ended is then all there
        try:
            while self.worker.connection.poll():
                kind, content = self.worker.connection.recv()
                if kind == "forked":
                    self.worker.forked = content
                elif kind == "outcome":
                    self._outcome = content
                elif kind == "ended":
                    self.worker.end_forked()
                    self.worker.is_ready = True
                    return self._outcome or self._gone(content)
                else:
                    self.doing = content
        except (EOFError, OSError):  # it closed its end
            self.worker.process.join(_GRACE)
            ended = True
        if ended:
            self.worker.kill()
            return self._outcome or self._gone(self.worker.process.exitcode)
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.worker.kill()
            return self._late("")
        return None

    def _gone(self, code: int | None) -> Failure:
        """The process ended without an answer."""
        printed = self._printed()
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
        place = place_in_dump(frames)
        where = f", and was at {place}" if place else ""
        message = f"it took longer than {self._timeout:g} s{where}"
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


def _serve(connection: Connection, timeout: float | None, threads: int) -> None:
    """What a worker does: waits for a target, and has it linted."""
    if hasattr(os, "setsid"):
        os.setsid()  # so that it can be ended together with what it starts
    while True:
        try:
            job, log = connection.recv()
        except EOFError:
            os._exit(0)
        _redirect_output(log)
        began = time.monotonic()
        if sys.platform != "linux" or not _prepared(job, timeout):
            _work(job, connection, _left(timeout, began), threads)
        pid = os.fork()
        if not pid:
            os.setsid()
            _work(job, connection, _left(timeout, began), threads)
        connection.send(("forked", pid))
        connection.send(("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))


def _prepared(job: Job, timeout: float | None) -> bool:
    """Imports what a target needs; whether the process can be forked after that.

    Threads don't come along into the forked process, neither those of Python nor those that torch computes with.
    """
    import torch

    from modinspect.target import importable_cwd, load
    from modinspect.trace.restore.process_state import preserved_process

    torch.set_num_threads(1)
    with _watchdog(timeout):
        try:
            with importable_cwd(), preserved_process():
                load(job.target, job.init)
        except BaseException:  # whatever it is, it comes again where the target is linted, and is told there
            return False
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return threading.active_count() == 1 and not torch.cuda.is_initialized()


@contextmanager
def _watchdog(timeout: float | None) -> Iterator[None]:
    """Ends the process, saying where it was, when the time is up."""
    if timeout is not None:
        faulthandler.dump_traceback_later(timeout, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _left(timeout: float | None, began: float) -> float | None:
    return None if timeout is None else max(0.01, timeout - (time.monotonic() - began))


def _work(job: Job, connection: Connection, timeout: float | None, threads: int) -> NoReturn:
    """Lints a target, answers, and ends the process at once, whatever threads the model has started."""
    started = os.getpid()

    def tell(text: str) -> None:
        _end_copies(started)
        connection.send(("progress", text))

    with _watchdog(timeout):
        outcome = _outcome(job, tell, threads)
    _end_copies(started)
    connection.send(("outcome", outcome))
    connection.close()
    os._exit(0)


def _end_copies(started: int) -> None:
    """Ends a copy of the process, which a model has forked and let go on: it would answer as this one does."""
    if os.getpid() != started:
        os._exit(0)


def _redirect_output(log: str) -> None:
    """What the model prints is kept, in case that it fails."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def _outcome(job: Job, tell: Callable[[str], None], threads: int) -> Outcome:
    try:
        import torch

        from modinspect.linter.lint_target import lint_target
        from modinspect.trace.run import ENDS_COPIES

        ENDS_COPIES.add(os.getpid())
        torch.set_num_threads(threads)
        return lint_target(job, tell)
    except BaseException as error:  # whatever it is, it is this target's alone
        told = traceback_text(error)
        if isinstance(error, ModinspectError):
            return Failure(job.label, error.message, error.hint, told)
        fault = fault_of_the_model(error)
        if fault is not None:
            return Failure(job.label, fault, "--traceback shows the whole way there.", told)
        message = f"modinspect itself failed, which is a bug: {describe(error)}"
        return Failure(job.label, message, "Please report it with what --traceback prints.", told)
