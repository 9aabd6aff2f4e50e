"""Compares modinspect with similar tools, prints the tables and writes ``docs/benchmarks.md``.

make bench
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import measure
import nets
import peers
import torch
from compare import READ, TINY, WEIGHTLESS

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Goal:
    """A number to reach, ``limit``, and the measured one; ``why`` says why it may be missed."""

    what: str
    limit: float
    measured: float
    unit: str = "×"
    why: str = ""


Section: TypeAlias = "tuple[str, list[Goal]]"
"""Markdown, and the goals that it measures."""


def main() -> None:
    """Runs all sections."""
    # Processes come first: they are started more slowly by one that is large.
    sections = [start_up(), decoders(), memory(), linting(), calls(), growth(), images(), transformers()]
    goals = [goal for _, found in sections for goal in found]
    page = "\n\n".join([head(), summary(goals), *(text for text, _ in sections)]) + "\n"
    print(page)
    PAGE.write_text(page)


def head() -> str:
    """What the page is, and how it was measured."""
    return f"""# Benchmarks

Written by `make bench`. All figures are ratios or medians of one run on one machine: torch {torch.__version__}, Python
{platform.python_version()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, no GPU. After a warm-up,
all tools run once in each round; a ratio is the ratio of the medians. Absolute times depend on the machine, ratios less so.

*modinspect* is `modinspect.inspect(model, x)` with real tensors: it records shapes, sources, owners, origins and FLOPs of each
op, all modules and parameters, and restores the model. *modinspect, read* also builds the report's data, which happens when
the report is first read. *modinspect, weightless* is `inspect` on a model that was built without memory. torchinfo lists
modules only, `FlopCounterMode` sums FLOPs only, fvcore and torchview need a trace or a graph. A dash: it raised an error or
is not installed."""


def summary(goals: list[Goal]) -> str:
    """What was to be reached, and what was."""
    rows = [
        [
            goal.what,
            f"≤ {goal.limit:g}{goal.unit}",
            f"{goal.measured:.2f}{goal.unit}",
            "yes" if goal.measured <= goal.limit else "no",
        ]
        for goal in goals
    ]
    reasons = [f"- **{goal.what}**: {goal.why}" for goal in goals if goal.measured > goal.limit]
    text = "## Goals\n\n" + table(["what", "goal", "measured", "reached"], rows)
    return text + ("\n\nWhy goals are missed:\n\n" + "\n".join(reasons) if reasons else "")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def compare(net: str, rounds: int, slow: int, threads: int | None = None) -> dict[str, float]:
    """Ratios to the bare forward, measured in a process of their own."""
    arguments = [net, *map(str, (rounds, slow, threads or torch.get_num_threads()))]
    found: dict[str, float] = json.loads(measure.in_process(str(HERE / "compare.py"), *arguments).splitlines()[-1])
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Threads that wait for each other would be all that is measured of tiny calls."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def compared(found: dict[str, dict[str, float]], digits: int) -> str:
    """A table of the contestants, with a column for each net."""
    names = [
        "bare",
        "modinspect",
        READ,
        WEIGHTLESS,
        *(name for name in peers.installed() if name not in ("bare", "modinspect")),
    ]
    rows = [[name, *(f"{ratios[name]:.{digits}f}×" if name in ratios else "–" for ratios in found.values())] for name in names]
    return table(["", *found], rows)


def calls() -> Section:
    """Many tiny calls: the cost per call."""
    found = {net: compare(net, 60, 3, threads=1) for net in TINY}
    text = (
        "## Many tiny calls\n\nTime against the bare forward, one thread, almost no arithmetic. *TinyCalls*: 202 modules, 350 "
        "ops. *GatedCalls*: 152 modules, 450 ops, seven of nine functional. *FunctionalCalls*: one module, 300 functional "
        "calls.\n\n"
    )
    why = (
        "a recorder that only passes each call through Python takes 1.5×, with recording about 3×. The rest is saving and "
        "restoring 200 modules and 300 parameters. All of it is Python and evenly spread: about 9 µs per op and 10 µs per "
        "module call."
    )
    return text + compared(found, 1), [
        Goal(f"{net}, against the bare forward", 3, ratios["modinspect"], why=why) for net, ratios in found.items()
    ]


def images() -> Section:
    """One image through a large net: the cost compared with real work."""
    found = {name: compare(name, 9, 1) for name in ("ResNet152", "ViTB16")}
    why = "ops, modules and parameters cost as much as in the tiny net, and there are hundreds of each."
    goals = [Goal(f"{net}, one image of 224×224", 1.15, ratios["modinspect"], why=why) for net, ratios in found.items()]
    return "## One image of 224×224\n\nTime against the bare forward.\n\n" + compared(found, 2), goals


def transformers() -> Section:
    """Models of transformers, in their default sizes."""
    found = {name: compare(name, 9, 1) for name in ("BertModel", "GPT2Model")}
    return "## Models of transformers\n\n64 tokens, default sizes: time against the bare forward.\n\n" + compared(found, 2), []


def memory() -> Section:
    """Peak memory of a process that inspects a net."""
    looks = ("bare", "modinspect", "torchinfo")
    rows, goals = [], []
    for net in ("ResNet152", "ViTB16"):
        peaks = {
            look: statistics.median(float(measure.in_process(str(HERE / "memory.py"), net, look)) for _ in range(3))
            for look in looks
        }
        rows.append([net, *(f"{peaks[look]:.0f} MiB ({peaks[look] / peaks['bare']:.2f}×)" for look in looks)])
        goals.append(Goal(f"peak memory on {net}, against the bare forward", 1.05, peaks["modinspect"] / peaks["bare"]))
    text = "## Peak memory\n\nOf the whole process, real tensors, one image of 224×224.\n\n"
    return text + table(["", *looks], rows), goals


def growth() -> Section:
    """Cost per op as nets grow."""
    x = torch.rand(4, 16)
    rows, first, last = [], 0.0, 1.0
    for ops in (1_000, 10_000, 100_000):
        blocks = ops // 7
        model = nets.TinyCalls(blocks).eval()
        with one_thread():
            per_op = measure.seconds(partial(peers.modinspect_read, model, x), 15 if ops < 100_000 else 3) / (7 * blocks)
        first = first or per_op
        last = per_op / first
        rows.append([f"{7 * blocks:,}", f"{1e6 * per_op:.0f} µs", f"{per_op / first:.2f}×"])
    text = "## Growth\n\n*modinspect, read* on nets of tiny calls, one thread.\n\n"
    why = "the work per op is the same; the records of 100,000 ops no longer fit into the processor's caches."
    goals = [Goal("cost per op at 100,000 ops against at 1,000", 1.3, last, why=why)]
    return text + table(["ops", "per op", "against the first"], rows), goals


def start_up() -> Section:
    """Whole processes."""
    python = sys.executable
    command = [str(Path(python).parent / "modinspect")]
    show = measure.process_ratio(
        [*command, "show", "modinspect.examples.MyModel", "--input", "1,10"], [python, str(HERE / "bare_example.py")], 7
    )
    usage = measure.process_ratio([*command, "--help"], [python, "-c", "import typer, rich"], 9)
    rows = [
        ["`modinspect show` on the example", "a script that imports torch and runs the model once", f"{show:.2f}×"],
        ["`modinspect --help`", '`python -c "import typer, rich"`', f"{usage:.2f}×"],
    ]
    torchinfo = "it also imports torchinfo, numpy, typer and rich; the ratio varies by a few hundredths between runs."
    drawing = "the rest is defining the commands and drawing the help with rich; 2.4 to 2.6 in several runs."
    goals = [
        Goal("`modinspect show` on the example, against a script that runs it", 1.25, show, why=torchinfo),
        Goal('`modinspect --help` against `python -c "import typer, rich"`', 2.5, usage, why=drawing),
    ]
    return "## Start-up\n\nProcessor time of whole processes.\n\n" + table(["", "against", "ratio"], rows), goals


def decoders() -> Section:
    """Models that don't fit into a laptop's memory."""
    rows, goals = [], []
    why = "the time goes into building the modules and running the ops one by one in Python."
    for size, most in (("39", 1.5), ("405", 3.0)):
        runs = [measure.in_process(str(HERE / "decoder.py"), size).split() for _ in range(3)]
        seconds = statistics.median(float(run[0]) for run in runs)
        mib = statistics.median(float(run[1]) for run in runs)
        rows.append([f"{runs[0][2]} billion", runs[0][3], f"{seconds:.2f} s", f"{mib:.0f} MiB"])
        goals.append(Goal(f"a decoder of {runs[0][2]} billion parameters, weightless", most, seconds, " s", why))
        goals.append(Goal(f"its memory ({runs[0][2]} billion)", 300, mib, " MB", why))
    text = "## Without weights\n\nA decoder of transformers, input 1×16, weightless; imports are not included.\n\n"
    return text + table(["parameters", "ops", "time", "memory"], rows), goals


def linting() -> Section:
    """Ten models, compared with importing them and running each once without memory."""
    names = "AlbertModel BartModel BertModel DistilBertModel ElectraModel GPT2Model OPTModel RobertaModel T5Model XLNetModel"
    targets = [f"transformers.{name}" for name in names.split()]
    lint = [str(Path(sys.executable).parent / "modinspect"), "lint", "--fail-on", "error", "--jobs", "1"]
    together = measure.elapsed([*lint, *targets])
    shown = measure.elapsed([sys.executable, str(HERE / "show_all.py"), *targets])
    apart = sum(measure.elapsed([lint[0], "show", "--device", "weightless", target]) for target in targets)
    row = [f"{len(targets)}", f"{together:.1f} s", f"{shown:.1f} s", f"{together / shown:.1f}×", f"{apart:.1f} s"]
    row.append(f"{together / apart:.2f}×")
    text = (
        "## Lint\n\nModels of transformers at their default sizes, one after the other, elapsed time. *Run once*:\n"
        "import and one run each, in one process or in one process per model (`modinspect show --device weightless`).\n\n"
    )
    header = ["models", "modinspect lint", "run once, one process", "ratio", "run once, ten processes", "ratio"]
    return text + table(header, [row]), []


if __name__ == "__main__":
    main()
