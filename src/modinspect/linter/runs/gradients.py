"""Which parameters the gradients of an output reach, and where they end on the way to the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from modinspect.linter.rule import CallSite
from modinspect.linter.runs.forward import call
from modinspect.linter.runs.mode_switch import registered
from modinspect.linter.runs.step_recorder import Cut, GradientWalk, RecordedRun, StepRecorder, gradient_starts, no_fingerprint
from modinspect.registered import named_parameters
from modinspect.trace import attributes, flatten_all


def follow_gradients(model: nn.Module, forward: Callable[[], Any]) -> tuple[set[str], dict[str, CallSite]] | None:
    """The parameters that gradients reach, and where they end for others; ``None`` if no output can have a gradient."""
    recorder = StepRecorder(model, call.__code__, no_fingerprint, cuts=True)
    with recorder.recording():
        result = forward()
    names = {id(tensor): name for name, tensor in named_parameters(model)}
    given = [tensor for _, tensor in flatten_all(result)]
    if not any(tensor.is_floating_point() or tensor.is_complex() for tensor in given):
        return None
    kept = [tensor for _, module in registered(model) for tensor in _tensors_in(own_attributes(module))]
    reach = GradientWalk()
    reached = {
        names[id(leaf)]
        for leaf in reach.leaves([*gradient_starts([*given, *kept]), *recorder.result.inside])
        if id(leaf) in names
    }
    cuts: dict[str, CallSite] = {}
    for cut in sorted(recorder.result.cuts, key=lambda cut: not cut.floating):
        for leaf in reach.leaves(cut.ends):
            if id(leaf) in names:
                cuts.setdefault(names[id(leaf)], _cut_site(cut, recorder.result))
    return reached, cuts


def own_attributes(module: nn.Module) -> dict[str, Any]:
    """What a module keeps besides what it registers: an auxiliary loss, say, that a trainer picks up."""
    return {name: value for name, value in attributes(module).items() if not isinstance(value, nn.Module)}


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in plain containers; other objects may do anything when they are asked for their attributes."""
    if isinstance(value, Tensor):
        yield value
    elif type(value) in (list, tuple, dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors_in(item)


def _cut_site(cut: Cut, run: RecordedRun) -> CallSite:
    return CallSite(run.sources.source(cut.place), run.steps[cut.step].name, cut.module)
