"""Lints one target: imports and builds it, makes its inputs, and asks the rules. Imports torch when it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modinspect.errors import InputError, RunError
from modinspect.session import Built, Recipe, Request, first_that_runs, how_to_give, in_mode, open_target, run_target

if TYPE_CHECKING:
    from modinspect.inputs import Inputs
    from modinspect.linter.check import Checked
    from modinspect.linter.runs import LiveRuns
    from modinspect.report import ForwardError

_REAL_UP_TO = 2**28
"""Bytes of parameters up to which ``auto`` takes real weights, so that each rule can be decided."""


@dataclass(frozen=True)
class Job:
    """One target to lint, and how.

    Args:
        label: what all output calls the target.
        request: the target and how it is run.
        rules: the ids of the rules to ask.
        opaque: globs of class paths that count as layers.
        include_installed: report findings in the code of installed libraries too.
    """

    label: str
    request: Request
    rules: tuple[str, ...]
    opaque: tuple[str, ...] = ()
    include_installed: bool = False


def lint_target(job: Job, progress: Callable[[str], None]) -> Checked:
    """Asks the rules about a target.

    Args:
        job: the target, and how to lint it.
        progress: called with a few words on what is being done.

    Raises:
        TargetError: the target could not be found, imported or built.
        InputError: an input could not be understood, read or made, or there is none.
        RunError: the forward could not be run, or raised.
    """
    from modinspect.linter.catalog import find_rule
    from modinspect.linter.check import check

    with open_target(job.request, progress, name=job.label) as recipe:
        runs, _ = run_target(recipe, lambda built: _live(recipe, job, built), _failure, real_up_to=_REAL_UP_TO)
        check_ran(runs, "To run it with real weights: --device cpu." if job.request.device.startswith("weightless") else "")
        return check(
            runs,
            [find_rule(rule) for rule in job.rules],
            target=job.label,
            include_installed=job.include_installed,
            progress=lambda rule: progress(f"asking {rule} about {job.label}"),
        )


def _live(recipe: Recipe, job: Job, built: Built) -> LiveRuns:
    import torch

    from modinspect.linter.runs import LiveRuns

    inputs = _inputs(recipe, built)
    if inputs is None:
        raise InputError(f"there is no input for {job.label}", f"A rule needs a run: {how_to_give(built.model)}.")
    torch.manual_seed(0)
    recipe.tell(f"running {job.label}")
    return LiveRuns(built.model, inputs.args, inputs.kwargs, target=job.label, opaque=job.opaque, weightless=built.weightless)


def _inputs(recipe: Recipe, built: Built) -> Inputs | None:
    """The inputs given, else the first guess that runs."""
    from modinspect.trace import trace

    where = "cpu" if built.weightless is not None else built.device
    candidates = recipe.candidates(built.model, where, built.weightless, [])
    if recipe.inputs_given:
        return next(candidates)
    with in_mode(built.model, train=False):
        tried = first_that_runs(
            candidates,
            built.model,
            lambda inputs: trace(built.model, inputs.args, inputs.kwargs, weightless=built.weightless),
        )
    return None if tried is None else tried[0]


def _failure(runs: LiveRuns) -> str | None:
    from modinspect.linter.rule import Undecided

    try:
        error = runs.outcome().error
    except Undecided as undecided:
        return undecided.reason
    return None if error is None else f"{error.type} is raised: {error.message}"


def check_ran(runs: LiveRuns, hint: str = "") -> None:
    """Stops if the given inputs don't come through the model: then no rule can be decided.

    Raises:
        RunError: the forward raised, or could not be run.
    """
    from modinspect.linter.rule import Undecided

    try:
        error = runs.outcome().error
    except Undecided as undecided:
        raise RunError(undecided.reason, hint) from undecided
    if error is not None:
        raise RunError(f"forward raised {_told(error)}", error.sentence or "To look at it: modinspect show.")


def _told(error: ForwardError) -> str:
    message = f": {error.message}" if error.message else ""
    where = f" (at {error.source.file}:{error.source.line})" if error.source else ""
    return f"{error.type}{message}{where}"
