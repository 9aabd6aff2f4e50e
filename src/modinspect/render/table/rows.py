"""The rows of the table as data: no width, no colour and no markup in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from modinspect.render.table.marks import Mark
from modinspect.render.table.settings import settings_forms
from modinspect.render.table.tree import Place
from modinspect.render.table.view import View
from modinspect.render.text import last_part
from modinspect.report import ModuleInfo, Operand, Output, Report, Shape, Source, Unregistered, index_of, short_name

RowKind = Literal["module", "op", "failed", "round", "title"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as a row shows it; ``path`` is its place in what a module returned."""

    shape: Shape | None
    dtype: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table, or several that were folded into it.

    Args:
        kind: what it shows; a ``round`` precedes items that take turns, a ``title`` precedes a block.
        hidden: whether it is on the hidden side.
        place: where in the tree.
        indent: on the hidden side, how many unregistered modules it is in.
        name: of the attribute or the op.
        class_name: of a module, without its home.
        settings: what follows the class, the longest form first: ``(" 10→5, no bias", " 10→5", "")``.
        detail: what else a person should know, in words.
        outputs: what came out.
        params: parameter elements; in parentheses where ``counted`` above already.
        flops: what is known of them, estimates among it; ``None`` where nothing is.
        estimated: whether some of the FLOPs are estimates.
        uncounted: whether some of the FLOPs are not known.
        marks: each with its number, such as the call's; the number is empty for most.
        times: how many rows were folded into this one.
        left_out: hidden ops inside that are no rows of their own.
        aten: the operators that it became.
        quiet: whether it only moves data about.
    """

    kind: RowKind
    hidden: bool
    place: Place
    name: str
    indent: int = 0
    class_name: str = ""
    settings: tuple[str, ...] = ("",)
    detail: str = ""
    outputs: tuple[Tensor, ...] = ()
    params: int | None = None
    counted: bool = False
    frozen: Mark | None = None
    flops: int | None = 0
    estimated: bool = False
    uncounted: bool = False
    source: Source | None = None
    marks: tuple[tuple[Mark, str], ...] = ()
    times: int = 1
    left_out: int = 0
    aten: tuple[str, ...] = ()
    quiet: bool = False


TOP = Place(0, (), True, None)
"""The place of a row outside of any tree."""


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows, and how many hidden ops the view keeps from being one."""

    rows: tuple[Row, ...]
    not_shown: int = 0
    marks: tuple[Mark, ...] = field(default=())

    def __post_init__(self) -> None:
        seen = {mark: None for row in self.rows for mark, _ in row.marks}
        frozen = {row.frozen: None for row in self.rows if row.frozen}
        object.__setattr__(self, "marks", (*seen, *frozen))


def module_name(module: ModuleInfo, path_above: str) -> str:
    """How a module is called by the one around it: its path from there, or all of it where it lives elsewhere."""
    if not module.path:
        return last_part(module.class_name)
    if path_above and module.path.startswith(path_above + "."):
        return module.path[len(path_above) + 1 :]
    return module.path


def tensors(outputs: Sequence[Output]) -> tuple[Tensor, ...]:
    """Outputs as a row shows them."""
    return tuple(Tensor(output.shape, output.dtype, output.path) for output in outputs)


def foreign(report: Report, operand: Operand) -> Unregistered | None:
    """What an operand is where it is registered nowhere: a tensor, or a module that it belongs to."""
    place = index_of(operand.origin, "unregistered")
    return report.unregistered[place] if place is not None and place < len(report.unregistered) else None


def origin_words(report: Report, origin: str | None) -> str:
    """Where an operand comes from, in words; empty where that is not known."""
    kind, _, rest = (origin or "").partition(":")
    if kind in ("param", "buffer"):
        return rest
    place = index_of(origin, kind)
    if place is not None and kind == "unregistered" and place < len(report.unregistered):
        return short_name(report.unregistered[place].name)
    if place is not None and kind == "input" and place < len(report.inputs):
        return f"input {report.inputs[place].name}"
    if place is not None and kind == "op" and place < len(report.ops):
        return short_name(report.ops[place].name)
    return origin or ""


def in_turn(names: Sequence[str]) -> tuple[str, ...]:
    """Names in order, those that follow themselves counted: ``("t", "addmm", "relu ×3")``."""
    runs: list[tuple[str, int]] = []
    for name in names:
        count = runs.pop()[1] if runs and runs[-1][0] == name else 0
        runs.append((name, count + 1))
    return tuple(name if count == 1 else f"{name} ×{count}" for name, count in runs)


def settings_of(module: ModuleInfo, view: View) -> tuple[str, ...]:
    """What follows the class of a module, the longest form first; the model's own class has no place for it."""
    return settings_forms(last_part(module.class_name), module.extra_repr, whole=view.expand) if module.path else ("",)


def common_settings(rows: Sequence[Row]) -> tuple[str, ...]:
    """What one row says of the settings of several: the forms that all have."""
    return tuple(form for form in rows[0].settings if all(form in row.settings for row in rows))


def frozen_mark(module: ModuleInfo, all_frozen: Mark, some_frozen: Mark) -> Mark | None:
    """Whether its parameters are frozen, all or some.

    Args:
        module: whose parameters are meant
        all_frozen: the mark if all of them are frozen
        some_frozen: the mark if only some are
    """
    if module.trainable_params >= module.params:
        return None
    return some_frozen if module.trainable_params else all_frozen


def by_path(report: Report) -> Mapping[str, ModuleInfo]:
    """Modules by their path."""
    return {module.path: module for module in report.modules}
