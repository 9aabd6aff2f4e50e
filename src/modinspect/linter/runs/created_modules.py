"""Modules that a forward makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from modinspect.linter.rule import CreatedModule
from modinspect.linter.runs.forward import record
from modinspect.linter.runs.step_recorder import NewModule, RecordedRun, no_fingerprint
from modinspect.registered import parameters
from modinspect.trace import SourceRef, walk


def find_created_modules(model: nn.Module, forward: Callable[[], Any]) -> tuple[CreatedModule, ...]:
    """The modules that ``forward`` makes: anew each time, or once and for all. It is run twice, which tells them apart."""
    known = {id(parameter) for parameter in parameters(model)}
    first, second = record(model, forward, no_fingerprint), record(model, forward, no_fingerprint)
    before = {id(fresh.module) for fresh in first.fresh}
    after = {id(fresh.module) for fresh in second.fresh} | {id(module) for _, module in walk(model)}
    older = known | {id(parameter) for fresh in first.fresh for parameter in parameters(fresh.module)}
    anew = [fresh for fresh in second.fresh if not fresh.inside and id(fresh.module) not in before]
    kept = [
        fresh for fresh in first.fresh if not fresh.inside and id(fresh.module) in after and _construction_site(first, fresh)
    ]
    return (
        *(_created_module(second, fresh, older, anew=True) for fresh in anew),
        *(_created_module(first, fresh, known, anew=False) for fresh in kept),
    )


@contextmanager
def parameter_registrations() -> Iterator[list[str]]:
    """Collects the names of parameters that modules register meanwhile: when they are made, that is."""
    names: list[str] = []

    def note(_module: nn.Module, name: str, _parameter: Any) -> None:
        names.append(name)

    handle = register_module_parameter_registration_hook(note)
    try:
        yield names
    finally:
        handle.remove()


def _construction_site(run: RecordedRun, fresh: NewModule) -> SourceRef | None:
    """Where a module was made during a run; ``None`` if it was there before."""
    for _, child in walk(fresh.module):
        construction = run.constructed.get(id(child))
        if construction is not None and construction[0]() is child:
            return construction[1]
    return None


def _created_module(run: RecordedRun, fresh: NewModule, known: set[int], *, anew: bool) -> CreatedModule:
    called = run.sources.source(fresh.place)
    made = _construction_site(run, fresh)
    return CreatedModule(
        type(fresh.module).__name__,
        sum(parameter.numel() for parameter in parameters(fresh.module) if id(parameter) not in known),
        fresh.owner,
        called,
        called if made is None else run.sources.source(made),
        anew,
    )
