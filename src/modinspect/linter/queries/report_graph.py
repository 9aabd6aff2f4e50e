"""Questions about a report that several rules ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modinspect.report import Call, Op, Operand, Report, Source, Unregistered, index_of, short_name
from modinspect.usercode import is_installed

PRESERVES_VALUES = frozenset(
    {"to", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda", "contiguous", "clone", "detach"}
)
"""Functions that give the same values, in another form or elsewhere."""


def describe_module(report: Report, path: str) -> str:
    """A module in words: ``encoder.0 (Block)``, ``the model (Net)``."""
    classes = {module.path: module.class_name for module in report.modules}
    return f"{path or 'the model'} ({classes.get(path, report.model.class_name)})"


def describe_op(report: Report, op: Op) -> str:
    """An op in words: ``F.relu in encoder.0 (Block)``."""
    return describe_call(report, op.name, op.module)


def describe_call(report: Report, function: str, module: str) -> str:
    """The call of a function in a module, in words.

    Args:
        report: of the run
        function: its public name
        module: the path of the module that called it
    """
    return f"{short_name(function)} in {describe_module(report, module)}"


def parent_paths(name: str) -> Iterator[str]:
    """The modules that hold a parameter, the innermost first: ``a.b``, ``a`` and the root of ``a.b.weight``."""
    while name:
        name = name.rpartition(".")[0]
        yield name


def without_indices(text: str, module: str) -> str:
    """What a text that names something in ``module`` has in common with its like: ``w`` of ``blocks.0.w``, ``ws[]``."""
    inside = re.sub(rf"(?<![\w.]){re.escape(module)}\.", "", text) if module else text
    return _INDEX.sub("[]", inside)


_INDEX = re.compile(r"\[[^\]]*\]|\.\d+(?=\.|$)")


def group_by_unused_module(report: Report, names: Sequence[str]) -> dict[str, list[str]]:
    """Parameters by the outermost module below the root that has no other trainable ones; by themselves where there is none."""
    idle = set(names)
    paths = {module.path for module in report.modules if module.registered}
    busy = {
        path for state in report.parameters if state.trainable and state.name not in idle for path in parent_paths(state.name)
    }
    groups: dict[str, list[str]] = {}
    for name in names:
        around = [path for path in parent_paths(name) if path and path not in busy and path in paths]
        groups.setdefault(around[-1] if around else name, []).append(name)
    return groups


class ReportGraph:
    """A report with its ops linked: who uses what, and what depends on what."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.users: dict[int, list[Op]] = {}
        self._calls = {(call.module, call.call): call for call in report.calls}
        self._roots: list[frozenset[str]] = []
        for op in report.ops:
            for operand in op.inputs:
                producer = index_of(operand.origin, "op")
                if producer is not None:
                    self.users.setdefault(producer, []).append(op)
            own = frozenset({f"create:{op.index}"}) if op.kind == "create" else frozenset()
            self._roots.append(own.union(*(self.roots(operand.origin) for operand in op.inputs)))

    def roots(self, origin: str | None) -> frozenset[str]:
        """What a value depends on: ``input:0``, ``param:fc.weight``, ``create:3``, ``unregistered:0``, or ``unknown``."""
        if origin is None:
            return _UNKNOWN
        producer = index_of(origin, "op")
        if producer is None:
            return frozenset({origin})
        return self._roots[producer] if producer < len(self._roots) else _UNKNOWN

    def depends_on_input(self, origin: str | None) -> bool:
        """Whether a value depends on an input, as far as is known."""
        return any(root.startswith("input:") or root == "unknown" for root in self.roots(origin))

    def producer(self, operand: Operand) -> Op | None:
        """The op that made an operand."""
        index = index_of(operand.origin, "op")
        return self.report.ops[index] if index is not None and index < len(self.report.ops) else None

    def unregistered(self, origin: str | None) -> Unregistered | None:
        """The entry that an operand comes from."""
        index = index_of(origin, "unregistered")
        return self.report.unregistered[index] if index is not None else None

    def call_of(self, op: Op) -> Call | None:
        """The call of the owner in which an op ran."""
        return self._calls.get((op.module, op.call))

    def calls_around(self, call: Call | None) -> Iterator[Call]:
        """A call, the call it was made in, and so on to the root's."""
        while call is not None:
            yield call
            call = self.report.calls[call.parent] if call.parent is not None else None

    def by_torch(self, op: Op) -> bool:
        """Whether an op was called by a module of torch's own, and not by a ``forward`` of somebody's.

        Its source is then the line that called that module.
        """
        call = self.call_of(op)
        return op.source is None or (call is not None and call.parent is not None and call.source == op.source)

    def users_line(self, op: Op) -> Source | None:
        """The innermost line that led to an op and is in nobody's installed library; that of the op where there is none."""
        if op.source is None or not is_installed(op.source.file):
            return op.source
        for call in self.calls_around(self.call_of(op)):
            if call.source is not None and not is_installed(call.source.file):
                return call.source
        return op.source


_UNKNOWN = frozenset({"unknown"})
