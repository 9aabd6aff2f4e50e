"""The rows of a report whose forward ran: calls and ops in the order in which they happened."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modinspect.render.table import facts
from modinspect.render.table.flops import FlopSum, FlopSums
from modinspect.render.table.marks import (
    FAILED,
    FOREIGN_MODULE,
    FOREIGN_TENSOR,
    FROZEN,
    MARKS,
    NEVER,
    OPEN,
    PARTLY,
    READS,
    REUSED,
    TIED,
    UNUSED,
    WRITES,
    Mark,
)
from modinspect.render.table.rows import (
    TOP,
    Row,
    Rows,
    Tensor,
    by_path,
    common_settings,
    foreign,
    frozen_mark,
    in_turn,
    settings_of,
    tensors,
)
from modinspect.render.table.tree import Place, Spot, grow, lay_out, span, without_numbers
from modinspect.render.table.view import View
from modinspect.render.text import aten_name, last_part, shape_text
from modinspect.report import ModuleInfo, Op, Operand, Report, Unregistered, names_at_caller, short_name, writes_to_earlier

_ORDER = {mark: index for index, mark in enumerate(MARKS)}


def ran_rows(report: Report, view: View) -> Rows:
    """All rows of the run, then those of what never ran."""
    return _Run(report, view).rows()


@dataclass(frozen=True, slots=True)
class _Inside:
    """What the row of a call has to say for rows that are not shown."""

    left_out: int = 0
    marks: frozenset[Mark] = frozenset()
    aten: tuple[str, ...] = ()
    ops: str = ""


class _Run:
    """A report with what is looked up in it again and again. Nodes are calls, then ops, then the op that failed."""

    def __init__(self, report: Report, view: View) -> None:
        self.report, self.view = report, view
        self.modules = by_path(report)
        self.calls = report.calls
        failed = report.error.op if report.error else None
        self.ops: tuple[Op, ...] = report.ops if failed is None else (*report.ops, failed)
        self.failed = None if failed is None else len(self.calls) + len(report.ops)
        self.open = facts.open_calls(report)
        self.opened = frozenset(self.open)
        self.unused = facts.unused(report)
        self.tied = {facts.owner_of(name) for tensor in facts.tied(report) for name in facts.names_of(tensor)}
        self.tied |= {module.path for module in report.modules if self.tied.intersection(module.aliases)}
        self.parents = [call.parent for call in self.calls]
        self.names = names_at_caller(self.calls, self.modules)
        self.levels = self._levels()
        self.flops = FlopSums(report.ops)
        self.hidden = [0, *itertools.accumulate(op.hidden for op in report.ops)]
        self.not_shown = 0

    def rows(self) -> Rows:
        roots, children = self._place()
        inside = self._choose(children)
        roots = [node for node in roots if node < len(self.calls) or self._is_row(node)]
        labels: dict[int, Hashable] = {}
        made: dict[int, Row] = {}
        for node in [*roots, *itertools.chain.from_iterable(children.values())]:
            made[node] = row = self._row(node, inside)
            labels[node] = _label(row, exact=node >= len(self.calls) or self._module(node).layer)
        tree = grow(roots, children, labels)
        rows = [self._laid(spot, made) for spot in lay_out(tree, fold=not self.view.expand)]
        return Rows((*rows, *never_rows(self.report, self.view)), self.not_shown)

    def _levels(self) -> list[int]:
        levels: list[int] = []
        for parent in self.parents:
            levels.append(0 if parent is None else levels[parent] + 1)
        return levels

    def _place(self) -> tuple[list[int], dict[int, list[int]]]:
        """Hangs each call and each op under the call that it was made in, in order."""
        roots: list[int] = []
        children: dict[int, list[int]] = {place: [] for place in range(len(self.calls))}
        owners: dict[tuple[str, int], int] = {}
        waiting = 0
        for place, op in enumerate(self.ops):
            while waiting < len(self.calls) and self.calls[waiting].start <= place:
                self._hang(waiting, roots, children)
                owners[self.calls[waiting].module, self.calls[waiting].call] = waiting
                waiting += 1
            owner = owners.get((op.module, op.call))
            (roots if owner is None else children[owner]).append(len(self.calls) + place)
        for rest in range(waiting, len(self.calls)):
            self._hang(rest, roots, children)
        return roots, children

    def _hang(self, place: int, roots: list[int], children: dict[int, list[int]]) -> None:
        parent = self.parents[place]
        (roots if parent is None else children[parent]).append(place)

    def _choose(self, children: dict[int, list[int]]) -> list[_Inside]:
        """Takes from ``children`` what the view does not show; answers what the rows above have to say for it."""
        inside = [_Inside()] * len(self.calls)
        wanted = [False] * len(self.calls)
        for place in range(len(self.calls) - 1, -1, -1):
            nodes = children[place]
            if self._is_foreign_layer(place, nodes):
                inside[place] = self._take_in(nodes, self.calls[place].start)
                children[place] = []
                wanted[place] = True
                continue
            kept = [node for node in nodes if self._is_kept(node, place, wanted)]
            shown = set(kept)
            gone = [node for node in nodes if node not in shown]
            inside[place] = self._sum_up(place, gone, inside)
            children[place] = kept
            wanted[place] = bool(kept) or not self._module(place).registered or inside[place].left_out > 0
        return inside

    def _is_foreign_layer(self, place: int, nodes: Sequence[int]) -> bool:
        """An unregistered layer is one row, as a registered one is, and names the ops that it is: they are hidden ones."""
        module = self._module(place)
        ops_alone = all(len(self.calls) <= node != self.failed for node in nodes)
        return module.layer and not module.registered and ops_alone and self.view.ops != "none"

    def _take_in(self, nodes: Sequence[int], start: int) -> _Inside:
        ops = [self._op(node) for node in nodes]
        marks = frozenset(mark for op in ops for mark in self._op_marks(op, start))
        aten = in_turn([aten_name(name) for op in ops for name in op.aten]) if self.view.aten else ()
        return _Inside(0, marks, aten, ", ".join(in_turn([short_name(op.name) for op in ops])))

    def _is_kept(self, node: int, owner: int, wanted: Sequence[bool]) -> bool:
        if node == self.failed or node in self.opened:
            return True
        if self.view.depth is not None and self.levels[owner] >= self.view.depth:
            return False
        if node >= len(self.calls):
            return (self._op(node).hidden or not self._is_layer(owner)) and self._is_row(node)
        return not self._is_layer(owner) or wanted[node]

    def _is_row(self, node: int) -> bool:
        """Whether the view wants a row for this op."""
        if self.view.ops == "all" or node == self.failed:
            return True
        return self.view.ops == "compute" and (self._op(node).kind == "compute" or self._warns(node))

    def _warns(self, node: int) -> bool:
        return any(mark.warns for mark in self._op_marks(self._op(node)))

    def _sum_up(self, place: int, gone: Sequence[int], inside: Sequence[_Inside]) -> _Inside:
        marks: set[Mark] = set()
        left_out = 0
        aten: list[str] = []
        cut = self.view.depth is not None and self.levels[place] >= self.view.depth
        for node in gone:
            if node < len(self.calls):
                marks.update(mark for mark, _ in self._call_marks(node) if mark.warns)
                marks.update(mark for mark in inside[node].marks if mark.warns)
                call = self.calls[node]
                left_out += self.hidden[call.stop] - self.hidden[call.start]
                aten.extend(itertools.chain.from_iterable(op.aten for op in self.report.ops[call.start : call.stop])
                            if self.view.aten and self._is_layer(place) else ())  # fmt: skip
                continue
            op = self._op(node)
            if op.hidden:
                left_out += 1
                marks.update(mark for mark in self._op_marks(op) if mark.warns)
                self.not_shown += not cut
            else:
                marks.update(self._op_marks(op, self.calls[place].start))
                aten.extend(op.aten)
        shown_as_number = cut or self.view.ops == "none"
        return _Inside(
            left_out if shown_as_number else 0,
            frozenset(marks),
            in_turn([aten_name(name) for name in aten]) if self.view.aten else (),
        )

    def _module(self, place: int) -> ModuleInfo:
        path = self.calls[place].module
        return self.modules.get(path) or _unknown(path)

    def _is_layer(self, place: int) -> bool:
        module = self._module(place)
        return module.layer and module.registered

    def _op(self, node: int) -> Op:
        return self.ops[node - len(self.calls)]

    def _row(self, node: int, inside: Sequence[_Inside]) -> Row:
        return self._call_row(node, inside[node]) if node < len(self.calls) else self._op_row(node)

    def _call_row(self, place: int, inside: _Inside) -> Row:
        call, module = self.calls[place], self._module(place)
        flops = self.flops.between(call.start, call.stop)
        return Row(
            kind="module",
            hidden=not module.registered,
            place=TOP,
            name=self.names[place] or last_part(module.class_name),
            class_name=last_part(module.class_name) if module.path else "",
            settings=settings_of(module, self.view),
            detail=inside.ops,
            outputs=tensors(call.outputs),
            params=module.params or None,
            counted=call.call > 0,
            frozen=frozen_mark(module, FROZEN, PARTLY),
            flops=flops.flops,
            estimated=flops.estimated,
            uncounted=flops.uncounted,
            source=call.source,
            marks=_sorted([*self._call_marks(place), *((mark, "") for mark in inside.marks)]),
            left_out=inside.left_out,
            aten=inside.aten,
        )

    def _call_marks(self, place: int) -> Iterator[tuple[Mark, str]]:
        call, module = self.calls[place], self._module(place)
        if place in self.opened:
            yield (FAILED if self.failed is None and place == self.open[0] else OPEN), ""
        if not module.registered:
            yield FOREIGN_MODULE, ""
        if module.path in self.unused and module.registered:
            yield UNUSED, ""
        if module.path in self.tied:
            yield TIED, ""
        if module.calls > 1:
            yield REUSED, str(call.call + 1)

    def _op_row(self, node: int) -> Row:
        op = self._op(node)
        failed = node == self.failed
        words = [_met(operand) for operand in op.inputs] if failed else self._words(op)
        place = node - len(self.calls)
        flops = FlopSum(0, estimated=False, uncounted=False) if failed else self.flops.between(place, place + 1)
        return Row(
            kind="failed" if failed else "op",
            hidden=True,
            place=TOP,
            name=short_name(op.name),
            detail=" · ".join(words) if failed else "  ".join(words),
            outputs=tuple(Tensor(result.shape, result.dtype) for result in op.outputs),
            flops=flops.flops,
            estimated=flops.estimated,
            uncounted=flops.uncounted,
            source=op.source,
            marks=((FAILED, ""),) if failed else _sorted((mark, "") for mark in self._op_marks(op)),
            aten=in_turn([aten_name(name) for name in op.aten]) if self.view.aten else (),
            quiet=op.kind in ("view", "create"),
        )

    def _words(self, op: Op) -> list[str]:
        """``weight=fc.weight`` for each operand that is a parameter or registered nowhere."""
        words = []
        for operand in op.inputs:
            found = self._foreign(op, operand)
            kind, _, value = (operand.origin or "").partition(":")
            if found is not None or kind == "param":
                value = short_name(found.name) if found else value.removeprefix(f"{op.module}.")
                named = operand.argument and not operand.argument.isdigit() and operand.argument != value
                words.append(f"{operand.argument}={value}" if named else value)
        return words

    def _foreign(self, op: Op, operand: Operand) -> Unregistered | None:
        """What an operand is, where nothing registers it; what an unregistered module does with its own is its own affair."""
        found = foreign(self.report, operand)
        owner = self.modules.get(op.module)
        own = found is not None and found.kind == "module" and owner is not None and not owner.registered
        return None if own else found

    def _op_marks(self, op: Op, start: int | None = None) -> Iterator[Mark]:
        """The marks of an op; ``start`` is the first op of the layer whose row shows it, if it has no row of its own."""
        if any(self._foreign(op, operand) for operand in op.inputs):
            yield FOREIGN_TENSOR
        if writes_to_earlier(self.report.ops, op, len(self.report.ops) if start is None else start):
            yield WRITES
        if op.kind == "read":
            yield READS

    def _laid(self, spot: Spot, made: dict[int, Row]) -> Row:
        """The row of a spot: the first node's, named for all of them."""
        if spot.round_of:
            # The items take turns; a row of its own says how often.
            hidden = not self._is_registered(spot.place.parent)
            return Row("round", hidden, spot.place, "", self._indent(spot.place), detail=f"{spot.round_of}", times=spot.times)
        rows = [made[node] for node in spot.nodes]
        row = replace(rows[0], place=spot.place, times=spot.times, indent=self._indent(spot.place) if rows[0].hidden else 0)
        if len(rows) == 1:
            return row
        numbers = [dict(one.marks).get(REUSED, "") for one in rows]
        marks = tuple((mark, span(numbers) if mark is REUSED else number) for mark, number in row.marks)
        name, detail = span([one.name for one in rows]), span([one.detail for one in rows])
        return replace(row, name=name, detail=detail, settings=common_settings(rows), marks=marks)

    def _is_registered(self, place: int | None) -> bool:
        return place is None or self._module(place).registered

    def _indent(self, place: Place) -> int:
        """How many unregistered modules in a row the place stands in."""
        count, above = 0, place.parent
        while above is not None and not self._is_registered(above):
            count, above = count + 1, self.parents[above]
        return count


def _met(operand: Operand) -> str:
    """One operand of the call that failed, with its shape."""
    name = operand.argument if operand.argument and not operand.argument.isdigit() else ""
    return f"{name} {shape_text(operand.shape, operand.dtype)}".strip()


def _label(row: Row, *, exact: bool) -> Hashable:
    """What makes two rows alike: all except the numbers in names, and which call of a module it is.

    Args:
        row: to compare
        exact: whether the numbers in its settings count: they do for layers of torch's own
    """
    source = (row.source.file, row.source.line) if row.source else None
    settings = row.settings if exact else without_numbers(row.settings[0])
    return (
        (row.kind, row.hidden, without_numbers(row.name), row.class_name, settings, without_numbers(row.detail), row.outputs),
        (row.params, row.frozen, row.flops, row.estimated, row.uncounted, source, row.left_out, row.aten),
        tuple(mark for mark, _ in row.marks),
    )


def _sorted(marks: Iterable[tuple[Mark, str]]) -> tuple[tuple[Mark, str], ...]:
    """Each mark once, in the order of the legend."""
    return tuple(sorted(dict(marks).items(), key=lambda mark: _ORDER[mark[0]]))


def _unknown(path: str) -> ModuleInfo:
    """Stands for a module that a call names and the report does not list."""
    return ModuleInfo(path, "?", True, False, 1, 0, 0, 0, 0, None, ())


def never_rows(report: Report, view: View) -> list[Row]:
    """The block of what never ran: modules that differ only in a number in their path share a row."""
    used = facts.used_paths(report)
    groups: dict[Hashable, list[ModuleInfo]] = {}
    for place, module in enumerate(facts.never_ran(report)):
        alike = (without_numbers(module.path), module.class_name, module.extra_repr, module.params, module.trainable_params)
        groups.setdefault(place if view.expand else (*alike, module.path in used), []).append(module)
    if not groups:
        return []
    rows = [_never_row(modules, used, view) for modules in groups.values()]
    rows[-1] = replace(rows[-1], place=replace(rows[-1].place, last=True))
    return [Row("title", False, TOP, "never ran"), *rows]


def _never_row(modules: Sequence[ModuleInfo], used: set[str], view: View) -> Row:
    first = modules[0]
    return Row(
        kind="module",
        hidden=False,
        place=Place(1, (), False, None),
        name=span([module.path for module in modules]),
        class_name=last_part(first.class_name),
        settings=settings_of(first, view),
        detail="its parameters were used" if first.path in used else "",
        params=first.params or None,
        frozen=frozen_mark(first, FROZEN, PARTLY),
        marks=((NEVER, ""),),
        times=len(modules),
    )
