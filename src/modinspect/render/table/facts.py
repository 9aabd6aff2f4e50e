"""What follows from a report about its modules and parameters as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modinspect.report import ModuleInfo, Report, StateTensor

_OF_MODULES = frozenset(("ModuleList", "ModuleDict"))
_OF_PARAMETERS = frozenset(("ParameterList", "ParameterDict"))
"""Classes that nobody calls: what they hold counts."""


def owner_of(name: str) -> str:
    """The path of the module that holds a tensor or a module of that name."""
    return name.rpartition(".")[0]


def names_of(tensor: StateTensor) -> tuple[str, ...]:
    """All names of a tensor."""
    return (tensor.name, *tensor.aliases)


def tied(report: Report) -> list[StateTensor]:
    """Parameters that stand under several names, in modules of their own: two names of one module are no tie."""
    same = {alias: module.path for module in report.modules for alias in module.aliases}
    return [
        tensor
        for tensor in report.parameters
        if len({same.get(owner_of(name), owner_of(name)) for name in names_of(tensor)}) > 1 or _twice_in_one(tensor)
    ]


def _twice_in_one(tensor: StateTensor) -> bool:
    return len({owner_of(name) for name in names_of(tensor)}) < len(names_of(tensor))


def finished(report: Report) -> bool:
    """Whether a whole forward is known: only then "never ran" and "unused" mean something."""
    return bool(report.calls) and report.error is None


def never_ran(report: Report) -> list[ModuleInfo]:
    """Registered modules that were not called and hold none that was, the outermost of them.

    Containers that nobody calls count by what they hold; what a layer holds belongs to the layer.
    """
    if not finished(report):
        return []
    called = _with_ancestors(name for module in report.modules if module.calls for name in (module.path, *module.aliases))
    holders = {owner_of(name) for module in report.modules for name in (module.path, *module.aliases) if name}
    layers = {module.path for module in report.modules if module.layer and module.calls}
    settled: set[str] = set(layers)
    outermost = []
    for module in report.modules:
        if not module.registered or not module.path:
            continue
        if owner_of(module.path) in settled:
            settled.add(module.path)
        elif module.path not in called and not _counts_by_what_it_holds(module, holders):
            settled.add(module.path)
            outermost.append(module)
    return outermost


def _counts_by_what_it_holds(module: ModuleInfo, holders: set[str]) -> bool:
    """A list of no modules is not asleep; whether a list of parameters was used is told of its parameters."""
    name = module.class_name.rpartition(".")[2]
    return name in _OF_PARAMETERS or (name in _OF_MODULES and module.path not in holders)


def used_paths(report: Report) -> set[str]:
    """The paths of all modules that hold, at any depth, a parameter that was used."""
    return _with_ancestors(owner_of(name) for tensor in report.parameters if tensor.used for name in names_of(tensor))


def unused(report: Report) -> dict[str, list[StateTensor]]:
    """Parameters that no op used, by the innermost module around them that ran; without those of modules that never ran."""
    if not finished(report):
        return {}
    modules = {module.path: module for module in report.modules}
    asleep = {module.path for module in never_ran(report)}
    found: dict[str, list[StateTensor]] = {}
    for tensor in report.parameters:
        if tensor.used is False:
            owner = next((path for path in _upwards(owner_of(tensor.name)) if path in asleep or _ran(modules, path)), "")
            if owner not in asleep:
                found.setdefault(owner, []).append(tensor)
    return found


def _ran(modules: dict[str, ModuleInfo], path: str) -> bool:
    return path in modules and modules[path].calls > 0


def _upwards(path: str) -> Iterator[str]:
    """The path and those of all modules around it."""
    yield path
    while path:
        path = owner_of(path)
        yield path


def _with_ancestors(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        for above in _upwards(path):
            if above in found:
                break
            found.add(above)
    return found


def open_calls(report: Report) -> list[int]:
    """The calls that were running when ``forward`` raised, innermost first."""
    error = report.error
    if error is None or not report.calls:
        return []
    op = error.op
    last = None
    for call in report.calls:
        if (call.module, call.call) == (op.module, op.call) if op else call.module == error.module:
            last = call.index
    found = []
    while last is not None:
        found.append(last)
        last = report.calls[last].parent
    return found
