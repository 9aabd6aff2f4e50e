"""What ran or was used and that nobody registered: modules, and tensors that stand where a weight stands."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries.report_graph import ReportGraph
from modinspect.linter.rule import Runs, Undecided
from modinspect.report import (
    MATMULS,
    WEIGHT_ARGUMENTS,
    WEIGHTED,
    ModuleInfo,
    Op,
    Operand,
    Source,
    Unregistered,
    base_name,
    index_of,
    is_factor,
)

_ALIKE = frozenset({"ones", "zeros", "full", "ones_like", "zeros_like", "full_like", "new_ones", "new_zeros", "new_full"})
_POSITIONS = frozenset(
    {"eye", "arange", "linspace", "tri", "tril", "tril_", "triu", "triu_", "cumsum", "one_hot", "diag", "roll"}
)


def unregistered_modules(runs: Runs) -> Iterator[tuple[Unregistered, ModuleInfo]]:
    """Modules that ran, that somebody holds, and that nobody registered, if an op used a tensor of their own."""
    report = runs.report
    used = {index_of(operand.origin, "unregistered") for op in report.ops for operand in op.inputs}
    rule_infos = {module.path: module for module in report.modules if not module.registered}
    found = [
        entry
        for index, entry in enumerate(report.unregistered)
        if entry.kind == "module" and index in used and entry.name in rule_infos
    ]
    if not found:
        return
    try:
        made = {created.called for created in runs.created_modules()}
    except Undecided:  # what nobody is seen to hold may have been made by the forward
        made = {entry.source for entry in found if entry.role == "forward"}
    for entry in found:
        if entry.source not in made:
            yield entry, rule_infos[entry.name]


def calls_of_created_modules(runs: Runs) -> set[Source | None]:
    """The lines that run modules which the forward has just made, as far as that is known."""
    try:
        return {created.called for created in runs.created_modules()}
    except Undecided:
        return set()


def unregistered_tensor(graph: ReportGraph, operand: Operand) -> Unregistered | None:
    """The unregistered tensor that an operand is, or that it is made of and of nothing else."""
    roots = graph.roots(operand.origin)
    places = [index_of(root, "unregistered") for root in roots if not root.startswith("create:")]
    entries = [graph.report.unregistered[place] for place in places if place is not None]
    if not entries or len(entries) != len(places) or any(entry.kind == "module" for entry in entries):
        return None
    return entries[0]


def is_unregistered_weight(graph: ReportGraph, op: Op, operand: Operand, entry: Unregistered) -> bool:
    """Whether ``operand``, made of ``entry``, stands where a weight stands; an ``nn.Parameter`` is a weight anywhere.

    Args:
        graph: of the report
        op: which uses the operand
        operand: one of the op's inputs
        entry: the unregistered tensor that it comes from
    """
    if entry.class_name == "Parameter":
        return True
    return is_used_as_weight(graph, op, operand) and not _mixes_positions(graph, op, operand, entry)


def is_used_as_weight(graph: ReportGraph, op: Op, operand: Operand) -> bool:
    """Whether it is the weight of a layer's function, or meets in a matmul what depends on the input.

    Args:
        graph: of the report
        op: which uses the operand
        operand: one of the op's inputs
    """
    name = base_name(op.name)
    if name in WEIGHTED:
        return operand.argument in WEIGHT_ARGUMENTS
    if name not in MATMULS or not is_factor(name, operand.argument):
        return False
    return any(graph.depends_on_input(other.origin) for other in op.inputs if other is not operand)


def _mixes_positions(graph: ReportGraph, op: Op, operand: Operand, entry: Unregistered) -> bool:
    """Whether it is a square matrix that mixes positions, as a mask does (``tril(ones(T, T)) @ x``), and no weight."""
    square = operand.shape is not None and len(operand.shape) >= 2 and operand.shape[-1] == operand.shape[-2]
    if entry.role != "weight" or base_name(op.name) not in MATMULS or not square:
        return False
    producer = _names_on_the_way(graph, op, entry)
    return bool(producer & _POSITIONS) or (operand is op.inputs[0] and base_name(entry.name) in _ALIKE)


def _names_on_the_way(graph: ReportGraph, op: Op, entry: Unregistered) -> set[str]:
    """The functions between the call that made a weight in forward and the op that uses it."""
    waiting = [maker for maker in graph.report.ops[: op.index] if maker.name == entry.name and maker.source == entry.source]
    found = {base_name(entry.name)}
    seen: set[int] = set()
    while waiting:
        for user in graph.users.get(waiting.pop().index, []):
            if user.index < op.index and user.index not in seen:
                seen.add(user.index)
                found.add(base_name(user.name))
                waiting.append(user)
    return found
