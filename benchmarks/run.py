"""Measures modinspect beside its peers, prints the tables and writes ``docs/benchmarks.md``.

make bench
"""

from __future__ import annotations

import platform
import statistics
import sys
from functools import partial
from pathlib import Path

import measure
import nets
import peers
import torch

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Runs all of it, section by section."""
    sections = [head(), calls(), images(), memory(), growth(), start_up(), decoders(), linting()]
    page = "\n\n".join(sections) + "\n"
    print(page)
    PAGE.write_text(page)


def head() -> str:
    """What the page is, and how it was measured."""
    return f"""# Benchmarks

Written by `make bench`. All figures are ratios or medians of one run on one machine: torch {torch.__version__}, Python
{platform.python_version()}, {torch.get_num_threads()} threads, CPU. The contestants run in turn, each round all of them
once, after a warm-up; the ratio is that of the medians. Absolute times differ by machine, ratios much less.

`modinspect` is `modinspect.inspect(model, x)`: real tensors, the whole report (shapes, sources, owners, origins and
FLOPs of each op). torchinfo lists modules only, `FlopCounterMode`
sums FLOPs only, fvcore and torchview need a trace or a graph. What is not installed is left out."""


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def compare(model: torch.nn.Module, x: torch.Tensor, rounds: int, slow: int) -> dict[str, float]:
    """Ratios to the bare forward; peers that are slow get fewer rounds, in a comparison of their own."""
    looks = {name: partial(look, model, x) for name, look in peers.installed().items()}
    quick = {name: looks[name] for name in ("bare", "modinspect", "torchinfo", "flop_counter")}
    rest = {name: look for name, look in looks.items() if name not in quick or name == "bare"}
    return {**measure.ratios(rest, "bare", slow), **measure.ratios(quick, "bare", rounds)}


def calls() -> str:
    """Many tiny calls: the cost of looking at a call."""
    model, x = nets.TinyCalls().eval(), torch.rand(4, 16)
    found = compare(model, x, 60, 5)
    rows = [[name, f"{found[name]:.1f}×"] for name in peers.installed()]
    return "## Many tiny calls\n\n50 blocks, 350 ops, next to no arithmetic: time against the bare forward.\n\n" + table(
        ["", "time"], rows
    )


def images() -> str:
    """One image through a large net: what is added to real work."""
    x = torch.rand(1, 3, 224, 224)
    found = {name: compare(getattr(nets, name)().eval(), x, 9, 1) for name in ("ResNet152", "ViTB16")}
    rows = [[name, *(f"{found[net][name]:.2f}×" for net in found)] for name in peers.installed()]
    return "## One image of 224×224\n\nTime against the bare forward.\n\n" + table(["", *found], rows)


def memory() -> str:
    """Peak memory of a process that looks at a net."""
    looks = ("bare", "modinspect", "torchinfo")
    rows = []
    for net in ("ResNet152", "ViTB16"):
        peaks = {
            look: statistics.median(float(measure.in_process(str(HERE / "memory.py"), net, look)) for _ in range(3))
            for look in looks
        }
        rows.append([net, *(f"{peaks[look]:.0f} MiB ({peaks[look] / peaks['bare']:.2f}×)" for look in looks)])
    return "## Peak memory\n\nOf the whole process, real tensors, one image of 224×224.\n\n" + table(["", *looks], rows)


def growth() -> str:
    """Cost per op as nets grow."""
    x = torch.rand(4, 16)
    rows, first = [], 0.0
    for ops in (1_000, 10_000, 100_000):
        blocks = ops // 7
        model = nets.TinyCalls(blocks).eval()
        per_op = measure.seconds(lambda model=model: peers.modinspect(model, x), 5 if ops < 100_000 else 3) / (7 * blocks)
        first = first or per_op
        rows.append([f"{7 * blocks:,}", f"{1e6 * per_op:.0f} µs", f"{per_op / first:.2f}×"])
    return "## Growth\n\n`modinspect.inspect` on nets of tiny calls.\n\n" + table(["ops", "per op", "against the first"], rows)


def start_up() -> str:
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
    return "## Start-up\n\nProcessor time of whole processes.\n\n" + table(["", "against", "ratio"], rows)


def decoders() -> str:
    """Models that fit into no laptop."""
    rows = []
    for size in ("39", "405"):
        runs = [measure.in_process(str(HERE / "decoder.py"), size).split() for _ in range(3)]
        seconds = statistics.median(float(run[0]) for run in runs)
        mib = statistics.median(float(run[1]) for run in runs)
        rows.append([f"{runs[0][2]} billion", runs[0][3], f"{seconds:.2f} s", f"{mib:.0f} MiB"])
    return "## Without weights\n\nA decoder of transformers, input 1×16, weightless: above what its imports take.\n\n" + table(
        ["parameters", "ops", "time", "memory"], rows
    )


def linting() -> str:
    """Ten models, against what importing them and running each once without memory takes."""
    names = "AlbertModel BartModel BertModel DistilBertModel ElectraModel GPT2Model OPTModel RobertaModel T5Model XLNetModel"
    targets = [f"transformers.{name}" for name in names.split()]
    lint = [str(Path(sys.executable).parent / "modinspect"), "lint", "--fail-on", "error", "--jobs", "1"]
    together = measure.elapsed([*lint, *targets])
    shown = measure.elapsed([sys.executable, str(HERE / "show_all.py"), *targets])
    apart = sum(measure.elapsed([lint[0], "show", "--device", "weightless", target]) for target in targets)
    row = [f"{len(targets)}", f"{together:.1f} s", f"{shown:.1f} s", f"{together / shown:.1f}×", f"{apart:.1f} s"]
    row.append(f"{together / apart:.2f}×")
    return (
        "## Lint\n\nModels of transformers at their default sizes, one after the other, elapsed time. *Run once*:\n"
        "imported, and each run once, in one process or in one for each (`modinspect show --device weightless`).\n\n"
        + table(["models", "modinspect lint", "run once, one process", "ratio", "run once, ten processes", "ratio"], [row])
    )


if __name__ == "__main__":
    main()
