"""Runs tasks at the same time, each in a process of its own: what crashes, hangs or ends its process fails by itself.

Where processes can be forked (Linux), a worker imports what a task needs and forks the process that works on it; the next task
finds imported what both need. Elsewhere each task has a new worker.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NoReturn, TypeVar

from modinspect.process.child import GRACE, Ended, kill, killed, timed_out, timeout_frames, watchdog

Task = TypeVar("Task")
Result = TypeVar("Result")
Tell = Callable[[str], None]
"""Takes a few words on what is being done."""

_LAST_LINES = 20
_LONGEST_LOG = 2**20


def run_all(
    tasks: Sequence[Task],
    work: Callable[[Task, Tell], Result],
    prepare: Callable[[Task], bool],
    *,
    workers: int,
    timeout: float | None,
    preload: Sequence[str] = (),
    progress: Callable[[int, str], None] | None = None,
) -> tuple[Result | Ended, ...]:
    """Works on each task; the results are in the order of the tasks.

    Args:
        tasks: can be pickled, as their results can.
        work: a function of a module, called in the process of the task; it must not raise.
        prepare: a function of a module, called in the worker that forks: imports what the task needs, and returns whether the
            worker can still be forked. Its time counts as the task's; it must not raise.
        workers: how many processes run at the same time.
        timeout: seconds that one task may take; ``None`` for no limit.
        preload: modules that all workers import, once where they are forked.
        progress: called with the number of tasks done, and what the oldest running task is at.
    """
    results: dict[int, Result | Ended] = {}
    waiting = list(enumerate(tasks))
    running: list[_Running[Task, Result]] = []
    idle: list[_Worker] = []
    context, role = _context(preload), _Role(work, prepare, timeout)
    with tempfile.TemporaryDirectory(prefix="modinspect-") as logs, _killed_at_the_end(running, idle):
        while waiting or running:
            while waiting and len(running) < workers:
                number, task = waiting.pop(0)
                worker = idle.pop() if idle else _Worker(context, role)
                running.append(_Running(number, task, os.path.join(logs, str(number)), worker, timeout))
            wait([part for one in running for part in one.worker.signals], timeout=_patience(running))
            for one in list(running):
                result = one.poll()
                if result is not None:
                    running.remove(one)
                    results[one.number] = result
                    if one.worker.is_ready:
                        idle.append(one.worker)
            if progress is not None:
                progress(len(results), running[0].doing if running else "")
    return tuple(results[number] for number in range(len(tasks)))


@dataclass(frozen=True)
class _Role:
    """What a worker is started with; has to be picklable."""

    work: Callable[[Any, Tell], Any]
    prepare: Callable[[Any], bool]
    timeout: float | None


def _context(preload: Sequence[str]) -> Any:
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


@contextmanager
def _killed_at_the_end(running: list[_Running[Task, Result]], idle: list[_Worker]) -> Iterator[None]:
    """Kills what still runs when the block is left, as by Ctrl-C."""
    try:
        yield
    finally:
        for worker in [*(one.worker for one in running), *idle]:
            worker.kill()


def _patience(running: Sequence[_Running[Task, Result]]) -> float | None:
    deadlines = [one.deadline for one in running if one.deadline is not None]
    return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None


class _Worker:
    """A process that takes one task after the other."""

    def __init__(self, context: Any, role: _Role) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, role))
        self.process.start()
        theirs.close()
        self.forked: int | None = None
        self.is_ready = False

    @property
    def signals(self) -> tuple[Any, Any]:
        """What becomes ready when the worker says something or ends."""
        return self.connection, self.process.sentinel

    def kill_forked(self) -> None:
        """Kills the process that the worker has forked, if it still runs, and what it started."""
        if self.forked is not None:
            kill(self.forked)
            self.forked = None

    def kill(self) -> None:
        """Kills the worker and all that it has started."""
        self.is_ready = False
        self.kill_forked()
        if self.process.pid is not None and self.process.exitcode is None:
            kill(self.process.pid)
        with suppress(OSError):
            self.process.kill()
        self.process.join(GRACE)
        self.connection.close()


class _Running(Generic[Task, Result]):
    """One task at a worker, what is said while it runs, and what came of it."""

    def __init__(self, number: int, task: Task, log: str, worker: _Worker, timeout: float | None) -> None:
        self.number = number
        self.doing = ""
        self.worker = worker
        self._log = log
        self._timeout = timeout
        self._result: Result | None = None
        self.deadline = None if timeout is None else time.monotonic() + timeout + GRACE
        with suppress(OSError):  # a worker that is gone is noticed when it is asked
            worker.connection.send((task, log))

    def poll(self) -> Result | Ended | None:
        """What came of it; ``None`` while it runs."""
        ended = self.worker.process.exitcode is not None  # asked first: then all that it said before it ended is there
        try:
            while self.worker.connection.poll():
                kind, content = self.worker.connection.recv()
                if kind == "forked":
                    self.worker.forked = content
                elif kind == "result":
                    self._result = content
                elif kind == "ended":
                    self.worker.kill_forked()
                    self.worker.is_ready = True
                    return self._result or self._ended(content)
                else:
                    self.doing = content
        except (EOFError, OSError):  # it closed its end
            self.worker.process.join(GRACE)
            ended = True
        if ended:
            self.worker.kill()
            return self._result or self._ended(self.worker.process.exitcode)
        if self._timeout is not None and self.deadline is not None and time.monotonic() >= self.deadline:
            self.worker.kill()
            return timed_out(self._timeout)
        return None

    def _ended(self, code: int | None) -> Ended:
        """The process ended without a result."""
        printed = self._printed()
        frames = timeout_frames(printed)
        if self._timeout is not None and frames is not None:
            return timed_out(self._timeout, frames)
        last_lines = "\n".join(printed.rstrip().splitlines()[-_LAST_LINES:])
        if code is not None and code < 0:
            how = killed(-code)
            return Ended(how.message, how.hint, last_lines)
        message = f"the process that ran the model ended with exit code {code} before it was done"
        return Ended(message, "Does its code call os._exit()?", last_lines)

    def _printed(self) -> str:
        """The end of what it printed."""
        try:
            with open(self._log, "rb") as log:
                log.seek(max(0, os.path.getsize(self._log) - _LONGEST_LOG))
                return log.read().decode(errors="replace")
        except OSError:
            return ""


def _serve(connection: Connection, role: _Role) -> None:
    """The life of a worker: waits for a task, and has it done."""
    if hasattr(os, "setsid"):
        os.setsid()  # it can be killed together with what it starts
    while True:
        try:
            task, log = connection.recv()
        except EOFError:
            os._exit(0)
        _redirect_output(log)
        began = time.monotonic()
        if sys.platform != "linux" or not _prepared(task, role):
            _work(task, connection, role, began)
        pid = os.fork()
        if not pid:
            os.setsid()
            _work(task, connection, role, began)
        connection.send(("forked", pid))
        connection.send(("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))


def _prepared(task: Any, role: _Role) -> bool:
    with watchdog(role.timeout):
        ready = role.prepare(task)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return ready


def _work(task: Any, connection: Connection, role: _Role, began: float) -> NoReturn:
    """Works on a task, answers, and ends the process at once, whatever threads the model has started."""
    started = os.getpid()

    def tell(text: str) -> None:
        _end_copies(started)
        connection.send(("progress", text))

    left = None if role.timeout is None else max(0.01, role.timeout - (time.monotonic() - began))
    with watchdog(left):
        result = role.work(task, tell)
    _end_copies(started)
    connection.send(("result", result))
    connection.close()
    os._exit(0)


def _end_copies(started: int) -> None:
    """Ends a copy of the process that a model has forked and let go on: it would answer as this one does."""
    if os.getpid() != started:
        os._exit(0)


def _redirect_output(log: str) -> None:
    """Keeps what the model prints, in case it fails."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
