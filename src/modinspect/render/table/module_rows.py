"""The rows of a report without a forward: the registered half alone."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from modinspect.render.table import facts
from modinspect.render.table.marks import FROZEN, PARTLY, TIED, Mark
from modinspect.render.table.rows import TOP, Row, Rows, common_settings, frozen_mark, module_name, settings_of
from modinspect.render.table.tree import Spot, grow, lay_out, span, without_numbers
from modinspect.render.table.view import View
from modinspect.render.text import last_part
from modinspect.report import ModuleInfo, Report


def registered_rows(report: Report, view: View) -> Rows:
    """All registered modules as they are nested, each with its arguments."""
    modules = [module for module in report.modules if module.registered]
    places = {module.path: place for place, module in enumerate(modules)}
    parents = [_parent(module.path, places) for module in modules]
    tied = {facts.owner_of(name) for tensor in facts.tied(report) for name in facts.names_of(tensor)}
    depth = [len(module.path.split(".")) if module.path else 0 for module in modules]
    roots: list[int] = []
    children: dict[int, list[int]] = {}
    for place, parent in enumerate(parents):
        if view.depth is None or depth[place] <= view.depth:
            (roots if parent is None else children.setdefault(parent, [])).append(place)
    made = {
        place: _row(module, view, "" if (parent := parents[place]) is None else modules[parent].path, _marks(module, tied))
        for place, module in enumerate(modules)
    }
    labels: dict[int, Hashable] = {
        place: (without_numbers(row.name), row.class_name, _settings(row, modules[place]), row.params, row.frozen, row.marks)
        for place, row in made.items()
    }
    rows = [_laid(spot, made) for spot in lay_out(grow(roots, children, labels), fold=not view.expand)]
    return Rows(tuple(rows))


def _parent(path: str, places: dict[str, int]) -> int | None:
    """The innermost listed module around ``path``."""
    while path:
        path = facts.owner_of(path)
        if path in places:
            return places[path]
    return None


def _marks(module: ModuleInfo, tied: set[str]) -> tuple[tuple[Mark, str], ...]:
    return ((TIED, ""),) if module.path in tied or tied.intersection(module.aliases) else ()


def _row(module: ModuleInfo, view: View, path_above: str, marks: tuple[tuple[Mark, str], ...]) -> Row:
    return Row(
        kind="module",
        hidden=False,
        place=TOP,
        name=module_name(module, path_above),
        class_name=last_part(module.class_name) if module.path else "",
        settings=settings_of(module, view),
        params=module.params or None,
        frozen=frozen_mark(module, FROZEN, PARTLY),
        marks=marks,
    )


def _settings(row: Row, module: ModuleInfo) -> Hashable:
    """The settings that make two rows alike; only a layer's numbers count."""
    return row.settings if module.layer else without_numbers(row.settings[0])


def _laid(spot: Spot, made: dict[int, Row]) -> Row:
    if spot.round_of:
        return Row("round", False, spot.place, "", detail=f"{spot.round_of}", times=spot.times)
    rows = [made[node] for node in spot.nodes]
    name = span([row.name for row in rows])
    return replace(rows[0], place=spot.place, times=spot.times, name=name, settings=common_settings(rows))
