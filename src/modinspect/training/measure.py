"""Measures a target: builds it weightless, gives it inputs, and estimates what it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import Tensor, nn

from modinspect.errors import InputError, RunError
from modinspect.memory import MemoryReport
from modinspect.session import Built, Recipe, Request, first_that_runs, how_to_give, open_target, run_target
from modinspect.trace import WeightlessMode, flatten_all, trace
from modinspect.training.estimate import Training, estimate
from modinspect.training.fit import blocks_to_checkpoint, largest_batch

if TYPE_CHECKING:
    from modinspect.inputs import Inputs


def measure_target(
    request: Request, training: Training, *, limit: int | None = None, tell: Callable[[str], None] = lambda _: None
) -> MemoryReport:
    """Estimates what inference and training of a target take on a GPU, without one.

    Args:
        request: the target and its inputs.
        training: the optimizer, autocast and checkpointing.
        limit: bytes to compare the training peak with; if it is more, the report suggests what would fit.
        tell: called with a few words on what is being done.

    Raises:
        TargetError: the target could not be found or built.
        InputError: an input could not be made.
        RunError: forward or backward raised.
    """
    with open_target(request, tell) as recipe:
        report = _measured(recipe, training)
        if limit is None:
            return report
        fits = report.bytes.training_peak <= limit
        batch = None if request.input_fn else _largest(recipe, training, report, limit)
        suggestions = () if fits else _suggestions(recipe, training, report, limit)
        return msgspec.structs.replace(report, limit=limit, fits=fits, largest_batch=batch, suggestions=suggestions)


def _measured(recipe: Recipe, training: Training, batch: int | None = None) -> MemoryReport:
    def attempt(built: Built) -> MemoryReport:
        recipe.tell(f"measuring {recipe.name}" + ("" if batch is None else f" with a batch of {batch}"))
        inputs = _inputs(recipe, built)
        given: Any = (inputs.args, inputs.kwargs)
        mode = None
        if built.weightless is not None:
            mode = WeightlessMode(built.device)
            put_weightless(built.model, mode)
            given = _lifted(given, mode)
        args, kwargs = given if batch is None else _with_batch(given, batch)
        notes = (*recipe.factory.notes, *inputs.notes)
        return estimate(built.model, args, kwargs, training, target=recipe.name, mode=mode, notes=notes)

    report, reason = run_target(recipe, attempt, lambda _: None)
    if reason is None:
        return report
    return msgspec.structs.replace(report, notes=(*report.notes, f"ran with real weights: {reason}"))


def _inputs(recipe: Recipe, built: Built) -> Inputs:
    """The inputs given, or the first guess that runs."""
    device = "cpu" if built.weightless is not None else built.device
    candidates = recipe.candidates(built.model, device, built.weightless, [])
    if recipe.inputs_given:
        return next(candidates)
    found = first_that_runs(
        candidates, built.model, lambda inputs: trace(built.model, inputs.args, inputs.kwargs, weightless=built.weightless)
    )
    if found is None:
        raise InputError(f"{recipe.name} has no input", f"Please {how_to_give(built.model)}.")
    inputs, report = found
    if report.error is not None:
        raise RunError(f"forward raised {report.error.type}: {report.error.message}", "Run `modinspect show` to see where.")
    return inputs


def put_weightless(model: nn.Module, mode: WeightlessMode) -> None:
    """Replaces the parameters of a model that was built without memory by weightless ones, which autograd can train.

    Tied parameters stay tied.
    """
    made: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is None:
                continue
            if id(parameter) not in made:
                with torch.no_grad():
                    lifted = mode.lift(parameter.detach(), keep_value=False)
                    made[id(parameter)] = nn.Parameter(lifted, parameter.requires_grad)
            module._parameters[name] = made[id(parameter)]


def _lifted(inputs: Any, mode: WeightlessMode) -> Any:
    """Floating-point inputs without memory; integers and masks stay real, as models read their values."""
    return _mapped(inputs, lambda tensor: mode.lift(tensor, keep_value=False) if tensor.is_floating_point() else tensor)


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_mapped(item, change) for item in value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if type(value) is dict:
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


# -- what would fit


def _with_batch(inputs: Any, batch: int) -> Any:
    """The inputs with another first dimension; what is repeated is the first sample."""
    size = next((tensor.size(0) for _, tensor in flatten_all(inputs) if tensor.dim()), None)

    def resized(tensor: Tensor) -> Tensor:
        if tensor.dim() == 0 or tensor.size(0) != size:
            return tensor
        return tensor[:1].repeat(batch, *([1] * (tensor.dim() - 1)))

    return _mapped(inputs, resized)


def _largest(recipe: Recipe, training: Training, report: MemoryReport, limit: int) -> int | None:
    """The largest batch that fits, if the inputs have a batch dimension."""
    if report.batch is None:
        return None

    def peak(size: int) -> int:
        return _measured(recipe, training, size).bytes.training_peak

    return largest_batch(peak, limit, report.batch, report.bytes.training_peak)


def _suggestions(recipe: Recipe, training: Training, report: MemoryReport, limit: int) -> tuple[str, ...]:
    """Changes that bring the peak below the limit, or nearest to it."""
    tried: dict[str, Callable[[], MemoryReport]] = {}
    glob = blocks_to_checkpoint(report.by_module)
    if glob is not None and glob not in training.checkpoint:
        checkpointed = replace(training, checkpoint=(*training.checkpoint, glob))
        tried[f"--checkpoint '{glob}'"] = lambda: _measured(recipe, checkpointed)
    if training.autocast is None and report.dtype == "float32":
        tried["--autocast bfloat16"] = lambda: _measured(recipe, replace(training, autocast=torch.bfloat16))
        half = replace(recipe, request=replace(recipe.request, dtype="bfloat16"))
        tried["--dtype bfloat16"] = lambda: _measured(half, training)
    return tuple(_suggestion(option, measured(), limit) for option, measured in tried.items())


def _suggestion(option: str, report: MemoryReport, limit: int) -> str:
    peak = report.bytes.training_peak
    verdict = "fits" if peak <= limit else "still doesn't fit"
    return f"{option} brings the peak to {peak / 2**30:.2f} GiB, which {verdict}"
