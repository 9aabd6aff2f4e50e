"""A pool of workers, with tasks that need neither torch nor a model."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from modinspect.process import Ended, run_all
from tests.process import process_tasks
from tests.process.process_tasks import prepare, work

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="the tasks fork and send signals"),
]


def run(*tasks: str, workers: int = 2, timeout: float | None = 60) -> tuple[tuple[str, int] | Ended, ...]:
    return run_all(tasks, work, prepare, workers=workers, timeout=timeout)


def ended(result: object) -> Ended:
    assert isinstance(result, Ended)
    return result


def test_results_are_in_the_order_of_the_tasks_each_from_a_process_of_its_own() -> None:
    tasks = [f"task {number}" for number in range(6)]
    results = run(*tasks, workers=3)
    named = [result for result in results if not isinstance(result, Ended)]
    assert [task for task, _ in named] == tasks
    processes = {process for _, process in named}
    assert len(processes) == 6
    assert os.getpid() not in processes


def test_what_ends_its_process_fails_by_itself_and_says_how() -> None:
    exits, fine, crashes = run("exits", "fine", "crashes", workers=1)
    assert ended(exits) == Ended(
        "the process that ran the model ended with exit code 7 before it was done",
        "Does its code call os._exit()?",
        "last words",
    )
    assert not isinstance(fine, Ended)
    assert ended(crashes).message == "the process that ran the model was killed by SIGSEGV"


def test_what_takes_too_long_is_ended_with_its_line() -> None:
    hangs, fine = run("hangs", "fine", workers=1, timeout=2)
    assert ended(hangs).message.startswith("it took longer than 2 s, and was at ")
    lines = Path(process_tasks.__file__).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "time.sleep(600)" in text)
    assert ended(hangs).message.endswith(f"process_tasks.py:{line} in work")
    assert not isinstance(fine, Ended)


def test_a_copy_that_a_task_forks_answers_for_nobody() -> None:
    (result,) = run("forks")
    assert not isinstance(result, Ended)


def test_progress_counts_what_is_done_and_names_what_runs() -> None:
    told: list[tuple[int, str]] = []
    run_all(["a", "b"], work, prepare, workers=1, timeout=60, progress=lambda done, doing: told.append((done, doing)))
    assert told[-1] == (2, "")
    assert (1, "at b") in told


@pytest.mark.skipif(sys.platform != "linux", reason="workers fork on Linux only")
def test_a_worker_prepares_one_task_after_the_other_but_a_new_one_where_it_cannot_be_forked(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    run(f"prepared {notes}", f"prepared {notes}", workers=1)
    first, second = notes.read_text().split()
    assert first == second
    (alone,) = run("cannot fork", workers=1)
    assert not isinstance(alone, Ended)
