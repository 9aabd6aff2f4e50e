"""From a target to a report: what ``modinspect show`` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import structs

from modinspect.errors import RunError
from modinspect.session.fallback import Built, run_target
from modinspect.session.modes import in_mode
from modinspect.session.recipe import Recipe, first_that_runs, how_to_give

if TYPE_CHECKING:
    from modinspect.inputs import Inputs
    from modinspect.report import Report
    from modinspect.torchinfo_check import TorchinfoCheck

_NOT_IN_THIS_BUILD = ("PyTorch is not linked with support", "Torch not compiled with CUDA enabled")


@dataclass(frozen=True)
class Inspection:
    """How a forward is traced.

    Args:
        train: in train mode; eval mode by default.
        grad: with autograd, for models that differentiate inside ``forward``.
        opaque: globs of class paths that count as layers (``timm.layers.*``).
        crosscheck: let torchinfo watch the same forward.
    """

    train: bool = False
    grad: bool = False
    opaque: tuple[str, ...] = ()
    crosscheck: bool = True


def inspect_recipe(recipe: Recipe, how: Inspection) -> Report:
    """Builds the model, makes its inputs, runs it once and reports what ran.

    Raises:
        TargetError: the model could not be built.
        InputError: an input could not be made.
        RunError: the forward could not be run on that device.
    """
    reason: str | None = None
    if recipe.request.device == "auto" and how.grad:
        recipe = replace(recipe, request=replace(recipe.request, device="cpu"))
        reason = "autograd was asked for"
    report, needed = run_target(recipe, _Tracer(recipe, how).report, _failure)
    reason = reason or needed
    if reason is None:
        return report
    notes = (*report.model.notes, f"ran with real weights: {reason}")
    return replace(report, model=structs.replace(report.model, notes=notes))


def _failure(report: Report) -> str | None:
    return None if report.error is None else f"{report.error.type} is raised: {report.error.message}"


@dataclass(frozen=True)
class _Tracer:
    recipe: Recipe
    how: Inspection

    def report(self, built: Built) -> Report:
        """The report on the first inputs that run; if all fail, on the first; without inputs, the registered half only."""
        from modinspect.trace import survey

        untried: list[str] = []
        where = "cpu" if built.weightless is not None else built.device
        with in_mode(built.model, train=self.how.train) as refused:
            notes = (*self.recipe.factory.notes, *refused)
            tried = first_that_runs(
                self.recipe.candidates(built.model, where, built.weightless, untried),
                built.model,
                lambda inputs: self._trace(built, inputs, (*notes, *inputs.notes)),
            )
            if tried is not None:
                return tried[1]
            notes = (*notes, *untried, f"no input, so nothing ran: {how_to_give(built.model)}")
            return survey(
                built.model, target=self.recipe.name, opaque=self.how.opaque, notes=notes, weightless=built.weightless
            )

    def _trace(self, built: Built, inputs: Inputs, notes: tuple[str, ...]) -> Report:
        import torch

        from modinspect.trace import trace

        check = self._check()
        torch.manual_seed(0)
        self.recipe.tell(f"running {self.recipe.name}")
        report = trace(
            built.model,
            inputs.args,
            inputs.kwargs,
            target=self.recipe.name,
            grad=self.how.grad,
            opaque=self.how.opaque,
            notes=notes,
            observer=None if check is None else check.watch,
            progress=self._progress,
            weightless=built.weightless,
        )
        if built.weightless is not None:
            _check_torch_build(report)
        return report if check is None else replace(report, torchinfo=check.result())

    def _check(self) -> TorchinfoCheck | None:
        if not self.how.crosscheck:
            return None
        from modinspect.torchinfo_check import TorchinfoCheck

        return TorchinfoCheck()

    def _progress(self, path: str, begun: int) -> None:
        self.recipe.tell(f"running {path or self.recipe.name} ({begun} module calls)")


def _check_torch_build(report: Report) -> None:
    """An error that only says that this build of torch can't use CUDA says nothing about the model."""
    if report.error is not None and any(text in report.error.message for text in _NOT_IN_THIS_BUILD):
        source = report.error.source
        code = f" ({source.code})" if source is not None and source.code else ""
        where = f" at {source.file}:{source.line}{code}" if source is not None else ""
        raise RunError(
            f"this build of torch can't try the call{where}: {report.error.message}",
            "Use a build with CUDA (no GPU is needed), or --device auto.",
        )
