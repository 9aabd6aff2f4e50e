"""Small questions about the parts of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from modinspect.report.schema import Call, ModuleInfo, Op


def index_of(origin: str | None, kind: str) -> int | None:
    """The 12 of ``op:12`` if ``kind`` is ``op``; ``None`` for an origin of another kind."""
    found, _, index = (origin or "").partition(":")
    return int(index) if found == kind and re.fullmatch("[0-9]{1,18}", index) else None  # a saved report may hold anything


def writes_to_earlier(ops: Sequence[Op], op: Op, start: int = 0) -> bool:
    """Whether ``op`` writes to a tensor that was there before the op with the index ``start``.

    Buffers don't count: running statistics belong to the layer that writes them. Views and earlier writes are followed to the
    op that made the memory.

    Args:
        ops: of the report
        op: one of them
        start: the index of the op before which the tensor was there
    """
    return any(_is_earlier(ops, op.inputs[position].origin, start) for position in op.mutates if position < len(op.inputs))


def _is_earlier(ops: Sequence[Op], origin: str | None, start: int) -> bool:
    index = index_of(origin, "op")
    while index is not None and start <= index < len(ops):
        maker = ops[index]
        if maker.mutates and maker.mutates[0] < len(maker.inputs):
            origin = maker.inputs[maker.mutates[0]].origin
        elif maker.kind == "view" and maker.inputs:
            origin = maker.inputs[0].origin
        else:
            return False
        before, index = index, index_of(origin, "op")
        if index is not None and index >= before:  # a saved report may hold anything
            return False
    return not (origin or "").startswith("buffer:")


def names_at_caller(calls: Sequence[Call], modules: Mapping[str, ModuleInfo]) -> list[str]:
    """The name by which the caller knows the module of each call: ``1``, ``attn.proj``.

    A shared module has several paths: the name is that of the shortest one below the caller. A module that lives elsewhere is
    called by its first path, and so is the root.

    Args:
        calls: the calls of a report.
        modules: the modules of the report by path.
    """
    return [_name_below("" if call.parent is None else calls[call.parent].module, call, modules) for call in calls]


def _name_below(caller: str, call: Call, modules: Mapping[str, ModuleInfo]) -> str:
    info = modules.get(call.module)
    paths = (call.module, *(info.aliases if info is not None else ()))
    prefix = f"{caller}." if caller else ""
    below = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
    return min(below, key=lambda path: path.count("."), default=call.module)
