"""The Python API: from a model, or from a target as the command line takes it, to a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modinspect.errors import RunError, TargetError
from modinspect.session.recipe import (
    Recipe,
    check_memory,
    fits_memory,
    how_to_give,
    real_device,
    weightless_device,
    within_memory,
)
from modinspect.usercode import describe, said, user_code

if TYPE_CHECKING:
    import torch
    from torch import nn

    from modinspect.inputs import Inputs
    from modinspect.report import Report
    from modinspect.trace import Weightless

_CONFIRMED_UP_TO = 2**31
"""Bytes of parameters up to which an error of a weightless run is looked at again in a real one, for torch's own message."""


def inspect(model: nn.Module, *args: Any, **kwargs: Any) -> Report:
    """Runs ``model(*args, **kwargs)`` once, as it is, on its own device, and reports what ran.

    The forward runs under ``torch.no_grad()``. The model, its buffers, the inputs and all random states are left as they were.

    Returns:
        The report; if ``forward`` raised, ``Report.error`` says what, and what ran before it stands in ``Report.ops``.

    Raises:
        RunError: an inspection inside an inspection.
    """
    from modinspect.trace import trace

    return trace(model, args, kwargs)


def inspect_target(
    target: str,
    inputs: Sequence[str] = (),
    *,
    init: Mapping[str, object] | None = None,
    input_fn: str | None = None,
    device: str = "auto",
    dtype: str | None = None,
    train: bool = False,
    grad: bool = False,
    opaque: Sequence[str] = (),
    crosscheck: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Imports and builds a target, makes its inputs, runs it once and reports what ran: what ``modinspect show`` does.

    Args:
        target: ``pkg.mod.Class``, ``pkg.mod:Class`` or ``path/to/file.py:Class``, also with literal arguments.
        inputs: specs such as ``1,10`` or ``ids=1,128:int64``. Without any, and without ``input_fn``, the model is asked itself.
        init: more arguments to build the model with, by name.
        input_fn: ``pkg.mod:make``, a function that returns what ``forward`` is called with.
        device: ``auto`` (weightless on the CPU, with the real run as its fallback), ``weightless`` (no fallback),
            ``weightless:cuda`` (as if on a GPU), or a device for a real run: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: of parameters and floating inputs; parts of the model that insist on another keep it.
        train: run in training mode; evaluation mode is the default.
        grad: run with autograd, for models that differentiate inside ``forward``.
        opaque: globs of class paths that count as layers (``timm.layers.*``).
        crosscheck: let torchinfo watch the same forward.
        progress: told in words what is being done.

    Returns:
        The report; if ``forward`` raised, ``Report.error`` says what. Without an input, the registered half alone.

    Raises:
        TargetError: the target could not be found, imported or built.
        InputError: an input could not be understood, read or made.
        RunError: the forward could not be run on that device.
    """
    from modinspect.target import importable_cwd, load
    from modinspect.trace import targets_turn
    from modinspect.trace.restore.process_state import preserved_process

    tell = progress or _say_nothing
    with targets_turn(), importable_cwd(), preserved_process():
        tell(f"importing {target}")
        factory = load(target, init)
        with importable_cwd(*factory.directories):
            recipe = Recipe(factory, tuple(inputs), input_fn, dtype, tell)
            job = _Job(recipe, train, grad, tuple(opaque), crosscheck)
            return _on_device(job, device)


def _say_nothing(_: str) -> None:
    pass


def _on_device(job: _Job, device: str) -> Report:
    kind, _, where = device.partition(":")
    if device != "auto" and kind != "weightless":
        return job.run_real(real_device(device))
    if kind == "auto" and job.grad:
        return job.run_real(real_device("cpu"), ("with autograd the real run was done",))
    return job.run_weightless(weightless_device(where), fall_back=kind == "auto")


@dataclass(frozen=True)
class _Job:
    """What is to be run, and how; where is said when it is run."""

    recipe: Recipe
    train: bool
    grad: bool
    opaque: tuple[str, ...]
    crosscheck: bool

    def run_weightless(self, device: torch.device, *, fall_back: bool) -> Report:
        """Runs without memory; where that can't be, runs for real if ``fall_back`` and the model fits into memory."""
        from modinspect.trace import NeedsValues, Weightless, without_memory

        try:
            with without_memory() as aliases:
                model = self.recipe.build()
        except NeedsValues as need:
            asked, parameters = need, aliases.registered()
        except TargetError as error:
            if not fall_back or not _may_lack_memory(error):
                raise
            asked, parameters = NeedsValues(f"without memory {error.message}"), aliases.registered()
        else:
            parameters = list(model.parameters())
            try:
                report = self._try_weightless(model, Weightless(device, aliases))
            except NeedsValues as need:
                asked = need
            else:
                return self._confirmed(report) if fall_back else report
        if not fall_back:
            raise RunError(f"without memory the run could not be done: {asked}", "Run it for real: --device cpu.") from asked
        check_memory(parameters, str(asked))
        with within_memory(str(asked)):
            model = self.recipe.build()
        return self._run(model, real_device("cpu"), (f"the real run was done, as {asked}",), None)

    def _try_weightless(self, model: nn.Module, weightless: Weightless) -> Report:
        """Runs ``model``, which was built without memory.

        Raises:
            NeedsValues: it can't be run so.
        """
        from torch import nn

        from modinspect.trace import NeedsValues

        meant = weightless.aliases.meta_meant or isinstance(self.recipe.factory.obj, nn.Module)
        if meant and (name := next(weightless.aliases.foreign(model), None)) is not None:
            raise NeedsValues(f"the model itself has put {name} on the meta device")
        report = self._run(model, weightless.device, (), weightless)
        if report.error is not None and _OURS.search(report.error.message):
            raise NeedsValues(f"without memory {report.error.type} is raised: {report.error.message}")
        _check_build(report)
        return report

    def _confirmed(self, report: Report) -> Report:
        """A report of a run without memory; if that raised, and if there is the time, one of the real run."""
        if report.error is None or report.totals.param_bytes > _CONFIRMED_UP_TO:
            return report
        real = self.run_real(real_device("cpu"))
        if real.error is not None:
            return real
        note = f"the real run was done, as without memory {report.error.type} is raised: {report.error.message}"
        return replace(real, model=replace(real.model, notes=(*real.model.notes, note)))

    def run_real(self, device: torch.device, notes: tuple[str, ...] = ()) -> Report:
        """Builds the model with its weights and runs it on ``device``."""
        model = self.recipe.build()
        if device.type != "cpu":
            model = model.to(device)
        return self._run(model, device, notes, None)

    def _run(self, model: nn.Module, device: torch.device, notes: tuple[str, ...], weightless: Weightless | None) -> Report:
        """Runs on the first input that the model takes; where it takes none, the first says why.

        Raises:
            NeedsValues: a weightless run needed a value that is not there. Where the model is too large to be run for real,
                other guesses are tried before that is said.
        """
        from modinspect.trace import NeedsValues, survey

        notes = (*self.recipe.factory.notes, *notes)
        where = "cpu" if weightless is not None else device
        first: Report | None = None
        needed: NeedsValues | None = None
        untried: list[str] = []
        with _in_mode(model, train=self.train) as refused:
            notes = (*notes, *refused)
            for inputs in self.recipe.candidates(model, where, weightless, untried):
                try:
                    report = self._trace(model, inputs, (*notes, *inputs.notes), weightless)
                except NeedsValues as need:
                    if fits_memory(model):
                        raise
                    needed = needed or need
                    continue
                if report.error is None:
                    return report
                first = first or report
            if needed is not None:
                raise needed
            if first is not None:
                return first
            notes = (*notes, *untried, f"no input, so nothing ran: {how_to_give(model)}")
            return survey(model, target=self.recipe.factory.target.text, opaque=self.opaque, notes=notes, weightless=weightless)

    def _trace(self, model: nn.Module, inputs: Inputs, notes: tuple[str, ...], weightless: Weightless | None) -> Report:
        import torch

        from modinspect.trace import trace

        target = self.recipe.factory.target.text
        check = self._check(model)
        torch.manual_seed(0)
        self.recipe.tell(f"running {target}")
        report = trace(
            model,
            inputs.args,
            inputs.kwargs,
            target=target,
            grad=self.grad,
            opaque=self.opaque,
            notes=notes,
            observer=check,
            progress=self._progress,
            weightless=weightless,
        )
        return report if check is None else replace(report, torchinfo=check.result())

    def _check(self, model: nn.Module) -> Any:
        if not self.crosscheck:
            return None
        from modinspect.torchinfo_check import TorchinfoCheck

        return TorchinfoCheck(model)

    def _progress(self, path: str, begun: int) -> None:
        self.recipe.tell(f"running {path or self.recipe.factory.target.text} ({begun} module calls)")


_OURS = re.compile(r"\b[Mm]eta\b|WeightlessTensor|data is not allocated yet|fake impl")
"""What an error says only where a tensor has no memory."""


def _may_lack_memory(error: BaseException | None) -> bool:
    """Whether building may have failed for want of the values of parameters: torch says that itself, with its own errors."""
    seen: set[int] = set()  # an exception may be its own cause
    while error is not None and id(error) not in seen:
        if isinstance(error, (RuntimeError, NotImplementedError)) or "meta" in said(error):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _in_mode(model: nn.Module, *, train: bool) -> Iterator[tuple[str, ...]]:
    """Puts the model into train or eval mode, and back into what it was in.

    A model that has no such switch (what ``torch.export`` gives has none) stays as it is; the note that says so is given.

    Raises:
        RunError: its ``train()`` raised.
    """
    from modinspect.trace.model.registry import saved_modes, walk

    put_modes_back = saved_modes([module for _, module in walk(model)])
    try:
        with user_code(RunError, f"model.train({train})"):
            refused = _switch(model, train=train)
        if refused is not None:
            put_modes_back()  # some of its modules may have been switched
        yield () if refused is None else (refused,)
    finally:
        put_modes_back()


def _switch(model: nn.Module, *, train: bool) -> str | None:
    try:
        model.train(train)
    except NotImplementedError as error:
        return f"it ran in the mode that it was built in, as model.train({train}) raised {describe(error)}"
    return None


_NO_SUCH_BUILD = ("PyTorch is not linked with support", "Torch not compiled with CUDA enabled")


def _check_build(report: Report) -> None:
    """An error that only says that this torch can't do CUDA says nothing of the model."""
    if report.error is not None and any(text in report.error.message for text in _NO_SUCH_BUILD):
        source = report.error.source
        code = f" ({source.code})" if source is not None and source.code else ""
        where = f" at {source.file}:{source.line}{code}" if source is not None else ""
        raise RunError(
            f"what is called{where} can't be tried in this build of torch: {report.error.message}",
            "Use a build with CUDA (no GPU is needed), or --device auto.",
        )
