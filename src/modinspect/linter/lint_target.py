"""Lints one target: imports and builds it, makes its inputs, and asks the rules. Imports torch when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modinspect.errors import InputError, RunError, TargetError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from modinspect.linter.check import Checked
    from modinspect.linter.runs.live_runs import LiveRuns
    from modinspect.report import ForwardError
    from modinspect.session.recipe import Recipe
    from modinspect.trace import Weightless

_REAL_UP_TO = 2**28
"""Bytes of parameters up to which ``auto`` builds the model with its memory, so that each rule can be decided."""

_CONFIRMED_UP_TO = 2**31
"""Bytes of parameters up to which what a run without memory could not do is tried with it."""


@dataclass(frozen=True)
class Job:
    """One target to lint, and how; ``rules`` are ids. What ``label`` says stands for the target in all output."""

    label: str
    target: str
    rules: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    input_fn: str | None = None
    init: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    dtype: str | None = None
    opaque: tuple[str, ...] = ()
    include_installed: bool = False


def lint_target(job: Job, progress: Callable[[str], None]) -> Checked:
    """Asks the rules about a target; ``progress`` is told in words what is being done.

    Raises:
        TargetError: the target could not be found, imported or built.
        InputError: an input could not be understood, read or made, or there is none.
        RunError: the forward could not be run, or raised.
    """
    from modinspect.linter.catalog import find_rule
    from modinspect.linter.check import check
    from modinspect.session.recipe import Recipe
    from modinspect.target import importable_cwd, load
    from modinspect.trace.restore.process_state import preserved_process

    with importable_cwd(), preserved_process():
        progress(f"importing {job.label}")
        factory = load(job.target, job.init)
        with importable_cwd(*factory.directories):
            runs = _runs(Recipe(factory, job.inputs, job.input_fn, job.dtype, progress), job)
            rules = [find_rule(rule) for rule in job.rules]
            return check(
                runs,
                rules,
                target=job.label,
                include_installed=job.include_installed,
                progress=lambda rule: progress(f"asking {rule} about {job.label}"),
            )


def _runs(recipe: Recipe, job: Job) -> LiveRuns:
    """The runs of a model whose forward does not raise."""
    from modinspect.session.recipe import real_device, weightless_device

    kind, _, where = job.device.partition(":")
    if kind in ("auto", "weightless"):
        return _without_memory(recipe, job, weightless_device(where), fall_back=kind == "auto")
    return _real(recipe, job, real_device(job.device))


def _without_memory(recipe: Recipe, job: Job, device: torch.device, *, fall_back: bool) -> LiveRuns:
    """Without memory; with ``fall_back``, with it where that is little, or where the forward can't be run without."""
    import torch

    from modinspect.session.recipe import check_memory, param_bytes, within_memory
    from modinspect.trace import NeedsValues, Weightless, without_memory

    cpu, hint = torch.device("cpu"), "Run it for real: --device cpu."
    try:
        with without_memory() as aliases:
            model = recipe.build()
    except NeedsValues as needed:
        if not fall_back:
            raise RunError(f"without memory it can't be built: {needed}", hint) from needed
        check_memory(aliases.registered(), str(needed))
        with within_memory(str(needed)):
            return _real(recipe, job, cpu)
    except TargetError:
        if not fall_back:
            raise
        return _real(recipe, job, cpu)
    size = param_bytes(model.parameters())
    if fall_back and size <= _REAL_UP_TO:
        return _real(recipe, job, cpu)
    try:
        try:
            runs = _live(recipe, job, model, "cpu", Weightless(device, aliases))
        except NeedsValues as needed:  # where its inputs are tried out
            raise RunError(f"without memory it can't be run: {needed}", hint) from needed
        check_ran(runs, hint)
    except RunError as error:
        if not fall_back or size > _CONFIRMED_UP_TO:
            raise
        check_memory(model.parameters(), error.message)
        return _real(recipe, job, cpu)
    return runs


def _real(recipe: Recipe, job: Job, device: torch.device) -> LiveRuns:
    model = recipe.build()
    if device.type != "cpu":
        model = model.to(device)
    runs = _live(recipe, job, model, device, None)
    check_ran(runs)
    return runs


def _live(recipe: Recipe, job: Job, model: nn.Module, device: torch.device | str, weightless: Weightless | None) -> LiveRuns:
    import torch

    from modinspect.linter.runs.live_runs import LiveRuns
    from modinspect.session.recipe import how_to_give

    inputs, _ = recipe.make_inputs(model, device, weightless)
    if inputs is None:
        raise InputError(f"there is no input for {job.label}", f"A rule needs a run: {how_to_give(model)}")
    torch.manual_seed(0)
    recipe.tell(f"running {job.label}")
    return LiveRuns(model, inputs.args, inputs.kwargs, target=job.label, opaque=job.opaque, weightless=weightless)


def check_ran(runs: LiveRuns, hint: str = "") -> None:
    """Stops where the given inputs don't come through the model: then no rule can be decided.

    Raises:
        RunError: the forward raised, or could not be run.
    """
    from modinspect.linter.rule import Undecided

    try:
        error = runs.outcome().error
    except Undecided as undecided:
        raise RunError(undecided.reason, hint) from undecided
    if error is not None:
        raise RunError(f"forward raised {_told(error)}", error.sentence or "Look at it with modinspect show.")


def _told(error: ForwardError) -> str:
    message = f": {error.message}" if error.message else ""
    where = f" (at {error.source.file}:{error.source.line})" if error.source else ""
    return f"{error.type}{message}{where}"
