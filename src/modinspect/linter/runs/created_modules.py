"""Modules that a forward makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from modinspect.linter.rule import Built
from modinspect.linter.runs.forward import watched
from modinspect.linter.runs.step_recorder import Fresh, Watched, nothing
from modinspect.trace import SourceRef, walk


def made_by(model: nn.Module, forward: Callable[[], Any]) -> tuple[Built, ...]:
    """The modules that ``forward`` makes: anew each time, or once and for all. It is run twice, which tells them apart."""
    known = {id(parameter) for parameter in model.parameters()}
    first, second = watched(model, forward, nothing), watched(model, forward, nothing)
    before = {id(fresh.module) for fresh in first.fresh}
    after = {id(fresh.module) for fresh in second.fresh} | {id(module) for _, module in walk(model)}
    older = known | {id(parameter) for fresh in first.fresh for parameter in fresh.module.parameters()}
    anew = [fresh for fresh in second.fresh if not fresh.inside and id(fresh.module) not in before]
    kept = [fresh for fresh in first.fresh if not fresh.inside and id(fresh.module) in after and _made_at(first, fresh)]
    return (
        *(_built(second, fresh, older, anew=True) for fresh in anew),
        *(_built(first, fresh, known, anew=False) for fresh in kept),
    )


@contextmanager
def registrations() -> Iterator[list[str]]:
    """Collects the names of parameters that modules register meanwhile: when they are made, that is."""
    names: list[str] = []

    def note(_module: nn.Module, name: str, _parameter: Any) -> None:
        names.append(name)

    handle = register_module_parameter_registration_hook(note)
    try:
        yield names
    finally:
        handle.remove()


def _made_at(run: Watched, fresh: Fresh) -> SourceRef | None:
    """Where a module was made during a run; ``None`` if it was there before."""
    for _, child in walk(fresh.module):
        built = run.built.get(id(child))
        if built is not None and built[0]() is child:
            return built[1]
    return None


def _built(run: Watched, fresh: Fresh, known: set[int], *, anew: bool) -> Built:
    called = run.sources.source(fresh.place)
    made = _made_at(run, fresh)
    return Built(
        type(fresh.module).__name__,
        sum(parameter.numel() for parameter in fresh.module.parameters() if id(parameter) not in known),
        fresh.owner,
        called,
        called if made is None else run.sources.source(made),
        anew,
    )
