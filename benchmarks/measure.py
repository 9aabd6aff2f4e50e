"""How things are measured: ratios within one run, medians, the contestants in turn."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def ratios(contestants: Mapping[str, Callable[[], object]], base: str, rounds: int) -> dict[str, float]:
    """Median time of each over that of ``base``; each round runs all of them once, so that a slow moment hits all."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()  # warm-up
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {name: median / medians[base] for name, median in medians.items()}


def seconds(run: Callable[[], object], rounds: int) -> float:
    """The median time of one run."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def works(run: Callable[[], object]) -> bool:
    """Whether ``run`` does what it is to do; not all peers can look at all models."""
    try:
        run()
    except Exception as error:  # whatever a peer raises, it can't be measured
        print(f"{getattr(run, 'func', run).__name__}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    return True


def peak_mib() -> float:
    """The most memory that this process has had since it was started, in MiB.

    ``ru_maxrss`` would do, but on Linux it is at least what the process that started this one had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def process(code: list[str], *, check: bool = True) -> tuple[float, float]:
    """(seconds of processor time, peak MiB) of a process; what it prints is thrown away. ``check``: it must exit with 0."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(code, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), after.ru_maxrss / 1024


def elapsed(code: list[str]) -> float:
    """Seconds that a process takes, with those that it starts and does not wait for; what it prints is thrown away."""
    start = time.perf_counter()
    subprocess.run(code, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def process_ratio(code: list[str], base: list[str], rounds: int) -> float:
    """The median processor time of one process over that of another, taken in turn."""
    pairs = [(process(code)[0], process(base)[0]) for _ in range(rounds)]
    return statistics.median(mine for mine, _ in pairs) / statistics.median(other for _, other in pairs)


def in_process(script: str, *arguments: str) -> str:
    """What a script of this folder prints, run by itself."""
    return subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True, text=True).stdout.strip()
