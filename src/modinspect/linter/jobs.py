"""Lints several targets at once, each in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from modinspect.errors import ModinspectError
from modinspect.findings import Failure
from modinspect.linter.lint_target import Job, lint_target
from modinspect.process import Ended, Tell, run_all, usable_cores
from modinspect.usercode import describe, fault_of_the_model, traceback_text

if TYPE_CHECKING:
    from modinspect.linter.check import Checked

Outcome: TypeAlias = "Checked | Failure"

_PRELOAD = ("torch", "modinspect.linter.runs.live_runs", "modinspect.linter.catalog")


@dataclass(frozen=True)
class _Task:
    """A job, and how many threads torch may compute with."""

    job: Job
    threads: int


def run_jobs(
    jobs: Sequence[Job],
    *,
    timeout: float | None,
    workers: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[Outcome, ...]:
    """Lints each target; the outcomes are in the order of ``jobs``.

    Args:
        jobs: what to lint, and how.
        timeout: seconds that one target may take, imports included; ``None`` for no limit.
        workers: how many processes run at the same time; by default as many as there are cores.
        progress: called with a few words on what is being done.
    """
    cores = usable_cores()
    workers = workers or cores
    threads = max(1, cores // max(1, min(workers, len(jobs))))

    def tell(done: int, doing: str) -> None:
        if progress is not None:
            progress(f"{done} of {len(jobs)} models checked  {doing}" if len(jobs) > 1 else doing)

    tasks = [_Task(job, threads) for job in jobs]
    ended = run_all(tasks, _lint, _import_target, workers=workers, timeout=timeout, preload=_PRELOAD, progress=tell)
    return tuple(
        Failure(job.label, outcome.message, outcome.hint, outcome.detail) if isinstance(outcome, Ended) else outcome
        for job, outcome in zip(jobs, ended, strict=True)
    )


def _import_target(task: _Task) -> bool:
    """Imports what a target needs; returns whether the process can be forked after that.

    Threads don't exist in the forked process, neither Python's nor those that torch computes with.
    """
    import torch

    from modinspect.session import open_target

    torch.set_num_threads(1)
    try:
        with open_target(task.job.request, lambda _: None):
            pass
    except BaseException:  # it comes again where the target is linted, and is reported there
        return False
    return threading.active_count() == 1 and not torch.cuda.is_initialized()


def _lint(task: _Task, tell: Tell) -> Outcome:
    label = task.job.label
    try:
        import torch

        from modinspect.trace import end_copies

        end_copies()
        torch.set_num_threads(task.threads)
        return lint_target(task.job, tell)
    except BaseException as error:  # whatever it is, it concerns only this target
        detail = traceback_text(error)
        if isinstance(error, ModinspectError):
            return Failure(label, error.message, error.hint, detail)
        fault = fault_of_the_model(error)
        if fault is not None:
            return Failure(label, fault, "--traceback prints all frames.", detail)
        message = f"modinspect itself failed, which is a bug: {describe(error)}"
        return Failure(label, message, "Please report it with what --traceback prints.", detail)
