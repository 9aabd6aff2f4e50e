"""MI301."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import listed, where
from modinspect.lint.rule import Draft, Rule, Runs, Undecided, is_installed
from modinspect.report import Report, Source, StateTensor


class UnusedParameter(Rule):
    """A trainable parameter is registered and no op uses it."""

    id = "MI301"
    name = "unused-parameter"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Trainable parameters that no op used, in eval mode or in train mode."""
        unused = _unused(runs.report)
        if not unused:
            return
        try:
            in_train = {state.name for state in _unused(runs.train())}
        except Undecided as undecided:
            raise Undecided(
                f"parameters that eval mode does not use may be used in train mode, where {undecided.reason}"
            ) from undecided
        names = [state.name for state in unused if state.name in in_train]
        for path, members in _by_topmost(runs.report, names).items():
            yield _draft(runs, path, members)


def _unused(report: Report) -> list[StateTensor]:
    """Those of which no op took the value, and which are no output themselves."""
    given = {output.origin for call in report.calls for output in call.outputs}
    return [
        state for state in report.parameters if state.trainable and state.used is False and f"param:{state.name}" not in given
    ]


def _by_topmost(report: Report, names: list[str]) -> dict[str, list[str]]:
    """The unused parameters by the outermost module below the root of which no parameter is used."""
    unused = set(names)
    paths = {module.path for module in report.modules if module.registered}
    busy: set[str] = set()
    for state in report.parameters:
        if state.trainable and state.name not in unused:
            busy.update(_above(state.name))
    groups: dict[str, list[str]] = {}
    for name in names:
        idle = [path for path in _above(name) if path and path not in busy and path in paths]
        groups.setdefault(idle[-1] if idle else name, []).append(name)
    return groups


def _above(name: str) -> Iterator[str]:
    """The modules that hold a parameter, the innermost first: ``a.b``, ``a`` and the root of ``a.b.weight``."""
    while name:
        name = name.rpartition(".")[0]
        yield name


def _draft(runs: Runs, path: str, members: list[str]) -> Draft:
    report = runs.report
    is_module = path not in members
    numels = {state.name: state.numel for state in report.parameters}
    size = sum(numels[name] for name in members)
    whole = (
        f"no op uses the parameters of {where(report, path)} ({size:,})"
        if is_module
        else f"no op uses the parameter {path} ({size:,})"
    )
    more = f": {listed(members)}" if is_module and len(members) > 1 else ""
    owner = path if is_module else path.rpartition(".")[0]
    return Draft(
        f"{whole}{more}. DistributedDataParallel raises on parameters without a gradient, and an optimizer keeps state for "
        "them: use "
        "them in forward, or do not make them",
        owner,
        _line(runs, path),
    )


def _line(runs: Runs, path: str) -> Source | None:
    """The line that registers it; where that is in a library's module that never ran, the line that registers that module."""
    calls = {module.path: module.calls for module in runs.report.modules}
    source = runs.declared(path)
    for holder in _above(path):
        if source is None or not is_installed(source.file) or not holder or calls.get(holder):
            break
        source = runs.declared(holder)
    return source
