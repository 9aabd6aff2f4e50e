"""Inspections in threads and in asynchronous code at the same time: each report is that of its own model alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import modinspect
from modinspect.errors import RunError
from modinspect.report import Report
from tests.trace.trace_helpers import Calls


class Repeats(nn.Module):
    """Adds a number as often as its number says, so that its report is told from all others."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.fc = nn.Linear(4, times)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = x + 1
        return self.fc(x)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2


def check(report: Report, times: int) -> None:
    assert report.error is None
    assert [op.name for op in report.ops] == ["torch.Tensor.add"] * times + ["torch.nn.functional.linear"]
    assert report.totals.params == 5 * times
    assert report.model.notes == ()
    assert [output.shape for output in report.outputs] == [(2, times)]


@pytest.fixture
def _quick_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_quick_switches")
def test_inspections_in_many_threads_do_not_mix() -> None:
    def inspect(times: int) -> Report:
        return modinspect.inspect(Repeats(times), torch.ones(2, 4))

    numbers = [1 + number % 9 for number in range(80)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(inspect, numbers))
    for times, report in zip(numbers, reports, strict=True):
        check(report, times)


def test_inspections_in_asynchronous_code_do_not_mix() -> None:
    async def inspect(times: int) -> Report:
        await asyncio.sleep(0)
        return await asyncio.to_thread(modinspect.inspect, Repeats(times), torch.ones(2, 4))

    async def all_of_them() -> list[Report]:
        return await asyncio.gather(*(inspect(times) for times in range(1, 21)))

    for times, report in enumerate(asyncio.run(all_of_them()), 1):
        check(report, times)


@pytest.mark.usefixtures("_quick_switches")
def test_models_that_run_in_other_threads_are_neither_recorded_nor_disturbed() -> None:
    stop = threading.Event()
    wrong: list[object] = []
    rounds = [0]

    def work() -> None:
        model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4)).eval(), torch.ones(2, 4)
        with torch.no_grad():
            expected = model(x)
            while not stop.is_set():
                rounds[0] += 1
                try:
                    if not torch.equal(model(x), expected):
                        wrong.append("another result")
                except Exception as error:
                    wrong.append(error)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for number in range(30):
            check(modinspect.inspect(Repeats(1 + number % 5), torch.ones(2, 4)), 1 + number % 5)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert wrong == []
    assert rounds[0] > 3


def test_an_inspection_inside_one_is_refused_and_later_ones_work() -> None:
    class Inspects(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            with pytest.raises(RunError, match="inside a forward that is being inspected"):
                modinspect.inspect(nn.ReLU(), x)
            return x + 1

    report = modinspect.inspect(Inspects(), torch.ones(2))
    assert report.error is None
    assert [op.name for op in report.ops] == ["torch.Tensor.add"]
    check(modinspect.inspect(Repeats(2), torch.ones(2, 4)), 2)


@pytest.mark.usefixtures("_quick_switches")
def test_targets_in_many_threads_do_not_mix_and_leave_the_process_as_it_was() -> None:
    def inspect(times: int) -> Report:
        return modinspect.inspect_target(f"{__file__}:Repeats", ["2,4"], init={"times": times}, crosscheck=False)

    before = (list(sys.path), nn.Module.register_parameter, torch.get_rng_state().tolist())
    numbers = [1 + number % 5 for number in range(20)]
    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(inspect, numbers))
    for times, report in zip(numbers, reports, strict=True):
        check(report, times)
        assert report.model.execution == "weightless"
    assert (list(sys.path), nn.Module.register_parameter, torch.get_rng_state().tolist()) == before


def in_a_thread(function: Callable[[], object]) -> BaseException | None:
    """Waits for a thread that calls ``function``; gives what it raised."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits for ever"
    return raised[0] if raised else None


INSIDE: dict[str, Callable[[Tensor], object]] = {
    "inspect": lambda x: modinspect.inspect(nn.ReLU(), x),
    "inspect_target": lambda x: modinspect.inspect_target("torch.nn.ReLU()", ["1,2"]),
    "lint": lambda x: modinspect.lint(nn.Linear(2, 2), x),
    "asyncio": lambda x: asyncio.run(asyncio.to_thread(modinspect.inspect, nn.ReLU(), x)),
    "thread of a thread": lambda x: raise_it(in_a_thread(lambda: modinspect.inspect(nn.ReLU(), x))),
}


def raise_it(error: BaseException | None) -> None:
    if error is not None:
        raise error


@pytest.mark.parametrize("name", INSIDE)
def test_an_inspection_by_a_thread_that_a_forward_starts_and_waits_for_is_refused(name: str) -> None:
    seen: list[BaseException | None] = []

    class StartsOne(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(in_a_thread(lambda: INSIDE[name](x)))
            return x + 1

    report = modinspect.inspect(StartsOne(), torch.ones(1, 2))
    assert report.error is None
    assert isinstance(seen[0], RunError)
    assert "inside a forward that is being inspected" in seen[0].message
    check(modinspect.inspect(Repeats(2), torch.ones(2, 4)), 2)


def test_a_thread_that_a_forward_has_started_may_inspect_when_the_inspection_is_over() -> None:
    over, reports = threading.Event(), []

    def later() -> None:
        over.wait(30)
        reports.append(modinspect.inspect(Repeats(3), torch.ones(2, 4)))

    class Starts(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            self.thread.append(threading.Thread(target=later))
            self.thread[0].start()
            return x

    threads: list[threading.Thread] = []
    Starts.thread = threads
    start = threading.Thread.start
    modinspect.inspect(Starts(), torch.ones(2))
    assert threading.Thread.start is start
    over.set()
    threads[0].join(60)
    check(reports[0], 3)


@pytest.mark.process
def test_a_process_forked_while_another_thread_inspects_can_inspect() -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Waits(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            inside.set()
            go_on.wait(60)
            return x

    thread = threading.Thread(target=modinspect.inspect, args=(Waits(), torch.ones(2)))
    thread.start()
    inside.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(30)
        try:
            ops = modinspect.inspect(Calls(lambda x: Doubled.apply(x) + x), torch.ones(2, 4)).ops
            os._exit(len(ops))
        finally:
            os._exit(99)  # never into the tests that follow
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    finally:
        go_on.set()
        thread.join()
