"""A memory report for people: sizes as bars, where the peaks are, what backward needs, and a chart of one training step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.text import Text

from modinspect.memory import Kind, MemoryReport, Moment, Peak
from modinspect.render.text import cut_left, cut_path, data_size, plain, some
from modinspect.report import Source, short_name

_NAMES = {"sgd": "SGD", "sgd-momentum": "SGD with momentum", "adam": "Adam", "adamw": "AdamW", "none": "no optimizer"}

_LAYERS: tuple[tuple[str, tuple[Kind, ...], str, str], ...] = (
    ("parameters", ("params", "buffers", "inputs"), "█", "blue"),
    ("optimizer", ("optimizer",), "▓", "magenta"),
    ("gradients", ("gradients",), "▒", "yellow"),
    ("activations", ("activations",), "░", "green"),
    ("temporaries", ("temporaries",), "·", "red"),
)
"""What is stacked, from the bottom up: (name, kinds, glyph, style)."""

_WIDEST = 120
_BAR = 40
_HEIGHT = 10
_LEGEND = 12
_CHART = 72
_PHASES = {"inference": "inference", "forward": "forward", "backward": "backward", "step": "step"}


def render(report: MemoryReport, _options: None = None) -> str:
    """The report without styles."""
    return memory_text(report).plain


def memory_text(report: MemoryReport, width: int | None = None) -> Text:
    """The report in lines of about ``width`` cells (120 if ``None``), styled where the console can."""
    width = max(width or _WIDEST, 60)
    text = Text(no_wrap=True)
    _header(text, report)
    _bars(text, report)
    _peaks(text, report, width)
    _kept(text, report, width)
    _chart(text, report.timeline, min(_CHART, width - 12))
    for suggestion in report.suggestions:
        text.append(f"{plain(suggestion)}\n", "bold")
    for note in report.notes:
        text.append(f"note: {plain(note)}\n", "dim")
    return text


def _header(text: Text, report: MemoryReport) -> None:
    parts = (report.target, report.dtype or "no parameters", _NAMES.get(report.optimizer, report.optimizer))
    text.append(" · ".join(plain(part) for part in parts), "bold")
    text.append("\n")
    text.append(f"training peak {data_size(report.bytes.training_peak)}", "bold")
    text.append(f" · inference peak {data_size(report.bytes.inference_peak)}")
    if report.limit is not None:
        verdict = ("fits", "green") if report.fits else ("doesn't fit", "red")
        text.append(" · ").append(f"{verdict[0]} {data_size(report.limit)}", verdict[1])
    if report.largest_batch is not None:
        text.append(f"\nlargest batch that fits: {report.largest_batch or 'none'}", "bold")
    text.append("\n\n")


def _bars(text: Text, report: MemoryReport) -> None:
    sizes = report.bytes
    kept = max(sizes.forward_end - sizes.params - sizes.buffers - sizes.inputs, 0)
    rows = [
        ("parameters", sizes.params, "at rest"),
        ("gradients", sizes.gradients, ""),
        ("optimizer", sizes.optimizer, "state"),
        ("activations", kept, "kept for backward, with the output"),
    ]
    if sizes.buffers:
        rows.insert(1, ("buffers", sizes.buffers, ""))
    if sizes.inputs:
        rows.append(("inputs", sizes.inputs, ""))
    most = max(size for _, size, _ in rows) or 1
    looks = {name: (glyph, style) for name, _, glyph, style in _LAYERS}
    for name, size, words in rows:
        glyph, style = looks.get(name, ("█", "blue"))
        text.append(f"  {name:<12}{data_size(size):>9}  ")
        text.append(glyph * round(_BAR * size / most), style)
        text.append(f"  {words}" if words else "", "dim").append("\n")
    text.append("\n")


def _peaks(text: Text, report: MemoryReport, width: int) -> None:
    for peak in report.peaks:
        head = f"  {_PHASES[peak.phase] + ' peak':<16}{data_size(peak.bytes):>9}  "
        text.append(head).append(_where(peak, width - len(head)), "dim").append("\n")
    text.append(f"  {'second step':<16}{data_size(report.bytes.steady_peak):>9}\n")


def _where(peak: Peak, room: int) -> str:
    if peak.phase == "step":
        return "in the optimizer's step"
    module = f" in {peak.module}" if peak.module else ""
    line = f" ({_line(peak.source)})" if peak.source else ""
    verb = "backward of " if peak.phase == "backward" else ""
    return cut_left(f"{verb}{plain(short_name(peak.op))}{plain(module)}{line}", room)


def _line(source: Source | None) -> str:
    if source is None:
        return ""
    file = re.split(r"[\\/](?:site|dist)-packages[\\/]", source.file)[-1]
    return f"{plain(file)}:{source.line}"


def _kept(text: Text, report: MemoryReport, width: int) -> None:
    if not report.kept:
        return
    text.append("\nmost kept for backward\n", "bold")
    lines = [_line(kept.source) for kept in report.kept]
    places = min(max(map(len, lines)), width // 2)
    room = width - 11 - 2 - 2 - places - 2
    for kept, line in zip(report.kept, lines, strict=True):
        ops = some([plain(short_name(op)) for op in kept.ops], 3)
        columns = ((_modules(kept.modules), room - room // 2), (ops, room // 2))
        text.append(f"  {data_size(kept.bytes):>9}")
        for words, cells in columns:
            text.append(f"  {cut_left(plain(words), cells):<{cells}}")
        text.append(f"  {cut_path(line, places)}", "dim").append("\n")


def _modules(paths: Sequence[str]) -> str:
    """``h.*.mlp.act ×12`` for the paths of alike modules in repeated blocks."""
    alike = dict.fromkeys(re.sub(r"(?<![^.])\d+(?![^.])", "*", path) or "(the model)" for path in paths)
    count = f" ×{len(paths)}" if len(paths) > 1 else ""
    return some(list(alike), 2) + count


def _chart(text: Text, moments: Sequence[Moment], columns: int) -> None:
    """The training step from left to right, what is allocated from the bottom up."""
    if not moments:
        return
    text.append("\none training step\n", "bold")
    shown = list(_thinned(moments, columns))
    most = max(sum(moment.bytes.values()) for moment in shown) or 1
    for row in range(_HEIGHT, 0, -1):
        label = data_size(most) if row == _HEIGHT else data_size(most // 2) if row == _HEIGHT // 2 else ""
        text.append(f"{label:>10} ", "dim")
        for moment in shown:
            glyph, style = _cell(moment, most * (row - 0.5) / _HEIGHT)
            text.append(glyph, style)
        text.append("\n")
    text.append(" " * 11)
    for phase, length in _stretches(shown):
        name = _PHASES[phase] if len(phase) < length else ""
        text.append(f"└{name}".ljust(length, " ")[:length], "dim")
    text.append("\n" + " " * 11)
    for name, _, glyph, style in _LAYERS:
        text.append(f"{glyph} ", style).append(f"{name}".ljust(_LEGEND), "dim")
    text.rstrip()
    text.append("\n")


def _cell(moment: Moment, height: float) -> tuple[str, str]:
    """What is at a height of the stack: (glyph, style)."""
    top = 0.0
    for _, kinds, glyph, style in _LAYERS:
        top += sum(moment.bytes.get(kind, 0) for kind in kinds)
        if height <= top:
            return glyph, style
    return " ", ""


def _thinned(moments: Sequence[Moment], columns: int) -> Iterator[Moment]:
    """At most ``columns`` moments, each the largest of its stretch."""
    count = min(columns, len(moments))
    for index in range(count):
        stretch = moments[index * len(moments) // count : (index + 1) * len(moments) // count]
        yield max(stretch, key=lambda moment: sum(moment.bytes.values()))


def _stretches(moments: Sequence[Moment]) -> Iterator[tuple[str, int]]:
    """(phase, number of moments) of each run of moments in one phase."""
    start = 0
    for index in range(1, len(moments) + 1):
        if index == len(moments) or moments[index].phase != moments[start].phase:
            yield moments[start].phase, index - start
            start = index
