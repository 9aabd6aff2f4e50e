"""What differs between two reports: modules, ops, parameters, shapes, FLOPs.

    difference = modinspect.diff(before, after)
    if difference:
        print(difference)

Line numbers, the names of the models, and whether the run was weightless don't count as differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from modinspect.comparison.align import Run, aligned
from modinspect.comparison.difference import Change, Difference, Facts, Section
from modinspect.report import Literals, Op, Operand, Output, Report, Result, index_of

_Origins: TypeAlias = Sequence[str | None]
_Thing = TypeVar("_Thing")


def diff(report_a: Report, report_b: Report) -> Difference:
    """Compares two reports; ``diff(report, report)`` is empty.

    Ops are compared as sequences: an op that was put in between is one addition, and does not change those after it.
    """
    pairing = _Pairing(report_a, report_b)
    changes: list[Change] = []
    for section, facts_of in _SECTIONS.items():
        if section == "ops":
            changes += _ops(report_a, report_b, pairing)
        elif section == "outputs":
            changes += _by_name(section, *pairing.outputs())
        elif facts_of is not None:
            changes += _by_name(section, facts_of(report_a), facts_of(report_b))
    return Difference(report_a.model.target, report_b.model.target, tuple(changes))


def _by_name(section: Section, before: Mapping[str, Facts], after: Mapping[str, Facts]) -> Iterator[Change]:
    """Changes of things that have a name: in the order of ``before``, then what was added."""
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield Change(section, name, old, new)
        elif old != new:
            yield _changed(section, name, old, new)


def _changed(section: Section, name: str, old: Facts, new: Facts, module: str | None = None) -> Change:
    differing = [key for key in old if old[key] != new[key]]
    before, after = ({key: facts[key] for key in differing} for facts in (old, new))
    return Change(section, name, before, after, module)


# --- facts: what of each thing is compared


def _model(report: Report) -> dict[str, Facts]:
    model = report.model
    return {"": {"class": model.class_name, "training": model.training, "device": model.device}}


def _inputs(report: Report) -> dict[str, Facts]:
    return _named((given.name, {"shape": _list(given.shape), "dtype": given.dtype}) for given in report.inputs)


def _modules(report: Report) -> dict[str, Facts]:
    return _named(
        (
            module.path,
            {
                "class": module.class_name,
                "extra_repr": module.extra_repr,
                "registered": module.registered,
                "layer": module.layer,
                "training": module.training,
                "calls": module.calls,
                "params": module.params,
                "own_params": module.own_params,
                "trainable_params": module.trainable_params,
                "param_bytes": module.param_bytes,
                "flops": module.flops,
                "output_shapes": [_list(shape) for shape in module.output_shapes],
            },
        )
        for module in report.modules
    )


def _parameters(report: Report) -> dict[str, Facts]:
    return {
        tensor.name: {
            "shape": _list(tensor.shape),
            "dtype": tensor.dtype,
            "trainable": tensor.trainable,
            "used": tensor.used,
            "aliases": list(tensor.aliases),
        }
        for tensor in report.parameters
    }


def _buffers(report: Report) -> dict[str, Facts]:
    return {tensor.name: {"shape": _list(tensor.shape), "dtype": tensor.dtype} for tensor in report.buffers}


def _unregistered(report: Report) -> dict[str, Facts]:
    return _named(
        (
            f"{thing.name} in {thing.module}" if thing.module else thing.name,
            {
                "kind": thing.kind,
                "class": thing.class_name,
                "role": thing.role,
                "shape": _list(thing.shape),
                "dtype": thing.dtype,
                "params": thing.params,
            },
        )
        for thing in report.unregistered
    )


def _totals(report: Report) -> dict[str, Facts]:
    totals = report.totals
    return {
        "": {
            "params": totals.params,
            "trainable_params": totals.trainable_params,
            "param_bytes": totals.param_bytes,
            "buffer_bytes": totals.buffer_bytes,
            "ops": totals.ops,
            "hidden_ops": totals.hidden_ops,
            "flops": totals.flops,
            "hidden_flops": totals.hidden_flops,
            "uncounted_ops": totals.uncounted_ops,
        }
    }


def _error(report: Report) -> dict[str, Facts]:
    error = report.error
    return {} if error is None else {"": {"type": error.type, "message": error.message, "module": error.module}}


_SECTIONS: dict[Section, Callable[[Report], dict[str, Facts]] | None] = {
    "model": _model,
    "inputs": _inputs,
    "outputs": None,  # needs to know which op is which
    "modules": _modules,
    "ops": None,  # the one that has an order
    "parameters": _parameters,
    "buffers": _buffers,
    "unregistered": _unregistered,
    "totals": _totals,
    "error": _error,
}


def _named(pairs: Iterable[tuple[str, _Thing]]) -> dict[str, _Thing]:
    """The things by name; what comes again under a name gets a number."""
    found: dict[str, _Thing] = {}
    for name, thing in pairs:
        again = 2
        key = name
        while key in found:
            key = f"{name} #{again}"
            again += 1
        found[key] = thing
    return found


def _list(shape: Sequence[int | None] | None) -> Literals:
    return None if shape is None else list(shape)


def _tensor(tensor: Operand | Output | Result) -> dict[str, Literals]:
    return {"shape": _list(tensor.shape), "dtype": tensor.dtype}


# --- ops


def _ops(report_a: Report, report_b: Report, pairing: _Pairing) -> Iterator[Change]:
    at_a = at_b = 0
    for start_a, start_b, size in [*pairing.runs, (len(report_a.ops), len(report_b.ops), 0)]:
        for op in report_a.ops[at_a:start_a]:
            yield Change("ops", op.name, _op(op, _origins(report_a, op)), None, op.module)
        for op in report_b.ops[at_b:start_b]:
            yield Change("ops", op.name, None, _op(op, _origins(report_b, op)), op.module)
        for i, j in _range(start_a, start_b, size):
            old, new = pairing.facts(report_a.ops[i], report_b.ops[j])
            if old != new:
                yield _changed("ops", report_b.ops[j].name, old, new, report_b.ops[j].module)
        at_a, at_b = start_a + size, start_b + size


class _Pairing:
    """Which op of one report is which of the other.

    ``runs`` are (start in the first, start in the second, length) of the stretches that correspond.
    """

    def __init__(self, report_a: Report, report_b: Report) -> None:
        self._reports = report_a, report_b
        self.runs = _alike(report_a.ops, report_b.ops)
        self._later = {report_a.ops[i].index: report_b.ops[j].index for run in self.runs for i, j in _range(*run)}
        self._earlier = {new: old for old, new in self._later.items()}

    def facts(self, a: Op, b: Op) -> tuple[dict[str, Literals], dict[str, Literals]]:
        """The facts of two ops that correspond."""
        report_a, report_b = self._reports
        from_a, from_b = self._told(_origins(report_a, a), _origins(report_b, b))
        return _op(a, from_a), _op(b, from_b)

    def outputs(self) -> tuple[dict[str, Facts], dict[str, Facts]]:
        """The facts of what the two models returned."""
        report_a, report_b = self._reports
        made_a, made_b = (_named((made.path, made) for made in report.outputs) for report in self._reports)
        from_a, from_b = (
            {name: _origin(report_a, made) for name, made in made_a.items()},
            {name: _origin(report_b, made) for name, made in made_b.items()},
        )
        for name in made_a.keys() & made_b.keys():
            (from_a[name],), (from_b[name],) = self._told([from_a[name]], [from_b[name]])
        return (
            {name: {**_tensor(made), "from": from_a[name]} for name, made in made_a.items()},
            {name: {**_tensor(made), "from": from_b[name]} for name, made in made_b.items()},
        )

    def _told(self, from_a: _Origins, from_b: _Origins) -> tuple[_Origins, _Origins]:
        """Where tensors that correspond come from.

        Ops are told by their number in the second report. Where one has no counterpart it is left out, on both sides: it shows
        as added or removed itself. Where one side has more tensors, nobody knows which correspond.
        """
        gone_a = [_is_gone(origin, self._later) for origin in from_a]
        gone_b = [_is_gone(origin, self._earlier) for origin in from_b]
        if len(from_a) == len(from_b):
            gone_a = gone_b = [old or new for old, new in zip(gone_a, gone_b, strict=True)]
        told_a = [None if gone else _renumbered(old, self._later) for old, gone in zip(from_a, gone_a, strict=True)]
        return told_a, [None if gone else new for new, gone in zip(from_b, gone_b, strict=True)]


def _range(start_a: int, start_b: int, size: int) -> Iterator[tuple[int, int]]:
    return zip(range(start_a, start_a + size), range(start_b, start_b + size), strict=True)


def _alike(before: Sequence[Op], after: Sequence[Op]) -> list[Run]:
    """The runs of ops that correspond, by name and by owner.

    And by which call of the owner it was, where as many correspond then: that tells the rounds of a loop apart. Where a module
    is called once more before the others, all its calls have other numbers.
    """
    strictly = aligned(*([(op.name, op.module, op.call) for op in ops] for ops in (before, after)))
    if _size(strictly) == min(len(before), len(after)):
        return strictly
    freely = aligned(*([(op.name, op.module) for op in ops] for ops in (before, after)))
    return max(strictly, freely, key=_size)


def _size(runs: Iterable[Run]) -> int:
    return sum(size for _, _, size in runs)


def _op(op: Op, origins: Sequence[str | None]) -> dict[str, Literals]:
    return {
        "kind": op.kind,
        "hidden": op.hidden,
        "inputs": [
            {**_tensor(operand), "from": origin, "argument": operand.argument}
            for operand, origin in zip(op.inputs, origins, strict=True)
        ],
        "arguments": dict(op.arguments),
        "outputs": [_tensor(result) for result in op.outputs],
        "flops": op.flops,
    }


def _origins(report: Report, op: Op) -> list[str | None]:
    return [_origin(report, operand) for operand in op.inputs]


def _origin(report: Report, operand: Operand | Output) -> str | None:
    """Where a tensor comes from; an unregistered one by its name, as its number depends on the others."""
    place = index_of(operand.origin, "unregistered")
    if place is None or place >= len(report.unregistered):
        return operand.origin
    return f"unregistered:{report.unregistered[place].name}"


def _is_gone(origin: str | None, numbers: Mapping[int, int]) -> bool:
    """Whether an operand comes from an op that is not in the other report."""
    index = index_of(origin, "op")
    return index is not None and index not in numbers


def _renumbered(origin: str | None, numbers: Mapping[int, int]) -> str | None:
    """An operand's origin with its op's number in the other report."""
    index = index_of(origin, "op")
    return origin if index is None else f"op:{numbers[index]}"
