"""A block of this process in a child: exit codes, limits, and what is reported."""

from __future__ import annotations

import os
import sys
import time

import pytest

from modinspect.process import Ended, exits_reported, run_limited

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="forks without a limit on Linux only"),
]


def run(work: object, *, timeout: float | None = None, isolate: bool = True) -> tuple[int, list[Ended]]:
    reported: list[Ended] = []

    def report(ended: Ended) -> int:
        reported.append(ended)
        return 2

    return run_limited(work, report, timeout=timeout, isolate=isolate), reported  # type: ignore[arg-type]


def test_the_exit_code_is_that_of_the_block_and_this_process_goes_on() -> None:
    process = os.getpid()
    assert run(lambda ends: 5 if ends and os.getpid() != process else 0) == (5, [])
    assert run(lambda ends: 6 if not ends and os.getpid() == process else 0, isolate=False) == (6, [])


def test_a_block_that_takes_too_long_is_reported_with_its_line() -> None:
    started = time.monotonic()
    code, (ended,) = run(lambda _: time.sleep(600), timeout=0.5)
    assert code == 2
    assert ended.message.startswith("it took longer than 0.5 s, and was at ")
    assert "test_limits.py:" in ended.message
    assert time.monotonic() - started < 60


def test_a_block_that_crashes_is_reported_with_the_signal() -> None:
    code, (ended,) = run(lambda _: os.abort())
    assert code == 2
    assert ended.message.startswith("the process that ran the model was killed by SIGABRT, and was at ")


@pytest.mark.parametrize("timeout", [0, float("inf"), 1e30])
def test_no_limit_and_more_than_a_clock_can_count_are_alike(timeout: float) -> None:
    assert run(lambda _: 3, timeout=timeout) == (3, [])


def test_an_exit_is_reported_with_its_caller_and_its_code_is_the_reports() -> None:
    def work(_: bool) -> int:
        with exits_reported(lambda ended: 9 if ended.message.endswith(")") and "os._exit(4)" in ended.message else 8):
            os._exit(4)

    assert run(work) == (9, [])
    assert os._exit.__module__ == "posix"
