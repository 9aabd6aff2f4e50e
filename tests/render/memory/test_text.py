"""The text of a memory report, made by hand."""

from __future__ import annotations

from modinspect.memory import Kept, MemoryBytes, MemoryReport, Moment, Peak
from modinspect.render.memory import memory_text
from modinspect.report import Source

MIB = 2**20
LINE = Source("net.py", 12, "Net.forward", "x = self.fc(x)")


def report() -> MemoryReport:
    sizes = MemoryBytes(
        params=100 * MIB, buffers=0, inputs=MIB, gradients=100 * MIB, optimizer=200 * MIB, inference_peak=120 * MIB,
        forward_end=151 * MIB, forward_peak=160 * MIB, backward_peak=260 * MIB, after_backward=201 * MIB,
        step_peak=500 * MIB, after_step=401 * MIB, steady_peak=510 * MIB,
    )  # fmt: skip
    return MemoryReport(
        target="net.py:Net",
        optimizer="adamw",
        dtype="float32",
        execution="weightless",
        bytes=sizes,
        peaks=(
            Peak("inference", "torch.nn.functional.linear", "blocks.3.fc", LINE, 120 * MIB),
            Peak("step", "aten._foreach_sqrt.default", None, None, 500 * MIB),
        ),
        kept=(Kept(LINE, ("torch.relu",), ("blocks.0.fc", "blocks.1.fc"), 50 * MIB),),
        by_module={"": 50 * MIB},
        timeline=(
            Moment("forward", {"params": 100 * MIB}),
            Moment("backward", {"params": 100 * MIB, "gradients": 100 * MIB}),
            Moment("step", {"params": 100 * MIB, "gradients": 100 * MIB, "optimizer": 200 * MIB}),
        ),
        limit=600 * MIB,
        fits=True,
        largest_batch=7,
        notes=("\x1b[31mred",),
    )


def test_the_answer_comes_first() -> None:
    lines = memory_text(report(), 100).plain.splitlines()
    assert lines[0] == "net.py:Net · float32 · AdamW"
    assert lines[1] == "training peak 510 MiB · inference peak 120 MiB · fits 600 MiB"
    assert lines[2] == "largest batch that fits: 7"


def test_bars_are_in_proportion() -> None:
    lines = memory_text(report(), 100).plain.splitlines()
    assert next(line for line in lines if "optimizer" in line).count("▓") == 40
    assert next(line for line in lines if "gradients" in line).count("▒") == 20


def test_peaks_and_kept_lines_name_module_op_and_line() -> None:
    text = memory_text(report(), 100).plain
    assert "inference peak    120 MiB  F.linear in blocks.3.fc (net.py:12)" in text
    assert "step peak         500 MiB  in the optimizer's step" in text
    kept = next(line for line in text.splitlines() if "50.0 MiB" in line and "net.py" in line)
    assert kept.split() == ["50.0", "MiB", "blocks.*.fc", "×2", "torch.relu", "net.py:12"]


def test_the_chart_stacks_kinds_from_the_bottom_up() -> None:
    lines = memory_text(report(), 100).plain.splitlines()
    start = lines.index("one training step") + 1
    columns = ["".join(column) for column in zip(*(line[11:14] for line in lines[start : start + 10]), strict=True)]
    # Ten rows of 40 MiB: parameters fill three, the optimizer's state five, gradients two.
    assert columns == ["       ███", "     ▒▒███", "▒▒▓▓▓▓▓███"]


def test_nothing_of_the_model_reaches_the_terminal_as_a_command() -> None:
    assert "\x1b" not in memory_text(report(), 100).plain


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (80, 120, 200):
        assert max(map(len, memory_text(report(), width).plain.splitlines())) <= width
