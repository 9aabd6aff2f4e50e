"""The fallback from a weightless run to one with real weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from modinspect import registered
from modinspect.errors import RunError, TargetError
from modinspect.session.devices import real_device, weightless_device
from modinspect.session.memory import available_memory, check_memory, param_bytes, within_memory
from modinspect.session.recipe import Recipe
from modinspect.usercode import said

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from modinspect.trace import ReplacedParameters, Weightless

T = TypeVar("T")

CONFIRMED_UP_TO = 2**31
"""Bytes of parameters up to which a failed weightless run is repeated with real weights, for torch's own message."""

_ONLY_WEIGHTLESS = re.compile(r"\b[Mm]eta\b|WeightlessTensor|data is not allocated yet|fake impl")
"""What an error says only about a tensor without memory."""


@dataclass(frozen=True)
class Built:
    """A model that is ready to run; its inputs go to ``device``."""

    model: nn.Module
    device: torch.device
    weightless: Weightless | None


def run_target(
    recipe: Recipe, attempt: Callable[[Built], T], failure: Callable[[T], str | None], *, real_up_to: int = -1
) -> tuple[T, str | None]:
    """Builds a target for the device that was asked for and attempts something with it.

    On ``auto`` that is a weightless model first. If that can't be built or run, or fails, it is one with real weights.

    Args:
        recipe: builds the model.
        attempt: does something with the model; raises ``NeedsValues`` if it needs values that a weightless model doesn't have.
        failure: what went wrong in an attempt, in words; ``None`` if nothing did.
        real_up_to: bytes of parameters up to which ``auto`` takes real weights at once.

    Returns:
        What the attempt returned, and why real weights were needed on ``auto`` (``None`` if they weren't).

    Raises:
        TargetError: the model could not be built.
        RunError: the model can't be run on that device, or doesn't fit into memory.
    """
    device = recipe.request.device
    kind, _, where = device.partition(":")
    if device == "auto":
        return _auto(recipe, attempt, failure, real_up_to)
    if kind == "weightless":
        return _weightless(recipe, attempt, failure, weightless_device(where)), None
    return attempt(_real(recipe, real_device(device))), None


def _real(recipe: Recipe, device: torch.device) -> Built:
    model = recipe.build()
    return Built(model if device.type == "cpu" else type(model).to(model, device), device, None)


def _weightless(recipe: Recipe, attempt: Callable[[Built], T], failure: Callable[[T], str | None], device: torch.device) -> T:
    from modinspect.trace import NeedsValues, without_memory

    try:
        with without_memory() as replaced:
            model = recipe.build()
        result, _ = _attempted(recipe, model, replaced, device, attempt, failure)
    except NeedsValues as need:
        raise RunError(f"the model can't run weightless: {need}", "To run it with real weights: --device cpu.") from need
    return result


def _auto(
    recipe: Recipe, attempt: Callable[[Built], T], failure: Callable[[T], str | None], real_up_to: int
) -> tuple[T, str | None]:
    from modinspect.trace import NeedsValues, without_memory

    cpu = real_device("cpu")
    try:
        with without_memory() as replaced:
            model = recipe.build()
    except NeedsValues as need:
        reason = str(need)
        parameters: Sequence[Tensor] = replaced.replacements()
    except TargetError as error:
        if not _may_lack_memory(error):
            raise
        reason, parameters = f"without memory {error.message}", replaced.replacements()
    else:
        parameters = list(registered.parameters(model))
        size = param_bytes(parameters)
        if size <= real_up_to:
            return attempt(_real(recipe, cpu)), None
        try:
            result, problem = _attempted(recipe, model, replaced, weightless_device(""), attempt, failure)
        except NeedsValues as need:
            reason = str(need)
        else:
            if problem is None or size > min(CONFIRMED_UP_TO, available_memory() or CONFIRMED_UP_TO):
                return result, None
            real = attempt(_real(recipe, cpu))
            return real, None if failure(real) else f"without memory {problem}"
    check_memory(parameters, reason)
    with within_memory(reason):
        built = _real(recipe, cpu)
    return attempt(built), reason


def _attempted(
    recipe: Recipe,
    model: nn.Module,
    replaced: ReplacedParameters,
    device: torch.device,
    attempt: Callable[[Built], T],
    failure: Callable[[T], str | None],
) -> tuple[T, str | None]:
    """The result of an attempt on a model without memory, and what went wrong in it.

    Raises:
        NeedsValues: it can't be run without memory.
    """
    from torch import nn

    from modinspect.trace import NeedsValues, Weightless

    intended = replaced.asked_for_meta or isinstance(recipe.factory.obj, nn.Module)
    if intended and (name := next(replaced.others_on_meta(model), None)) is not None:
        raise NeedsValues(f"the model itself put {name} on the meta device")
    result = attempt(Built(model, device, Weightless(device, replaced)))
    problem = failure(result)
    if problem is not None and _ONLY_WEIGHTLESS.search(problem):
        raise NeedsValues(f"without memory {problem}")
    return result, problem


def _may_lack_memory(error: BaseException | None) -> bool:
    """Whether building may have failed because parameters had no values: then torch raises one of its own errors."""
    seen: set[int] = set()  # an exception may be its own cause
    while error is not None and id(error) not in seen:
        if isinstance(error, (RuntimeError, NotImplementedError)) or "meta" in said(error):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
