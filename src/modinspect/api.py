"""The Python API: from a model, or from a target as the command line takes it, to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modinspect.errors import InputError, RunError, TargetError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from modinspect.inputs import Inputs
    from modinspect.load import Factory
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
    from modinspect.load import importable_cwd, load
    from modinspect.trace.process import preserved_process

    tell = progress or _say_nothing
    with importable_cwd(), preserved_process():
        tell(f"importing {target}")
        factory = load(target, init)
        with importable_cwd(*factory.directories):
            job = _Job(factory, tuple(inputs), input_fn, dtype, train, grad, tuple(opaque), crosscheck, tell)
            return _on_device(job, device)


def _say_nothing(_: str) -> None:
    pass


def _on_device(job: _Job, device: str) -> Report:
    kind, _, where = device.partition(":")
    if kind not in ("auto", "weightless"):
        return job.run_real(_real_device(device))
    if kind == "auto" and job.grad:
        return job.run_real(_real_device("cpu"), ("with autograd the real run was done",))
    return job.run_weightless(_weightless_device(where), fall_back=kind == "auto")


def _weightless_device(where: str) -> torch.device:
    import torch

    if where.partition(":")[0] not in ("", "cpu", "cuda"):
        raise InputError(f"'weightless:{where}' is no device", "As in weightless, weightless:cpu, weightless:cuda.")
    return torch.device(where or "cpu") if where != "cuda" else torch.device("cuda:0")


def _real_device(name: str) -> torch.device:
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RunError(
            f"the device {name!r} can't be used: {str(error).splitlines()[0]}",
            "As in auto, cpu, cuda, cuda:1, mps, weightless, weightless:cuda (which needs no GPU).",
        ) from error
    return device


@dataclass(frozen=True)
class _Job:
    """What is to be run, and how; where is said when it is run."""

    factory: Factory
    inputs: tuple[str, ...]
    input_fn: str | None
    dtype: str | None
    train: bool
    grad: bool
    opaque: tuple[str, ...]
    crosscheck: bool
    tell: Callable[[str], None]

    def run_weightless(self, device: torch.device, *, fall_back: bool) -> Report:
        """Runs without memory; where that can't be, runs for real if ``fall_back`` and the model fits into memory."""
        from modinspect.trace import NeedsValues, Weightless, without_memory

        try:
            with without_memory() as aliases:
                model = self._build()
        except TargetError as error:
            if not fall_back:
                raise
            return self.run_real(_real_device("cpu"), (f"the real run was done, as without memory {error.message}",))
        try:
            report = self._run(model, device, (), Weightless(device, aliases))
        except NeedsValues as need:
            if not fall_back:
                raise RunError(f"without memory the run could not be done: {need}", "Run it for real: --device cpu.") from need
            _check_memory(model, str(need))
            return self.run_real(_real_device("cpu"), (f"the real run was done, as {need}",))
        _check_build(report)
        if report.error is None or not fall_back or report.totals.param_bytes > _CONFIRMED_UP_TO:
            return report
        return self.run_real(_real_device("cpu"))

    def run_real(self, device: torch.device, notes: tuple[str, ...] = ()) -> Report:
        """Builds the model with its weights and runs it on ``device``."""
        model = self._build()
        if device.type != "cpu":
            model = model.to(device)
        return self._run(model, device, notes, None)

    def _build(self) -> nn.Module:
        import torch
        from torch import nn

        self.tell(f"building {self.factory.target.text}")
        torch.manual_seed(0)
        if self.dtype is None:
            return self.factory.build()
        dtype = _floating(self.dtype)
        if isinstance(self.factory.obj, nn.Module):
            import copy

            return copy.deepcopy(self.factory.obj).to(dtype)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            return self.factory.build()
        finally:
            torch.set_default_dtype(before)

    def _run(self, model: nn.Module, device: torch.device, notes: tuple[str, ...], weightless: Weightless | None) -> Report:
        import torch

        from modinspect.trace import survey, trace

        target = self.factory.target.text
        inputs, more = self._inputs(model, "cpu" if weightless is not None else device)
        notes = (*self.factory.notes, *notes, *more)
        with _in_mode(model, train=self.train):
            if inputs is None:
                return survey(model, target=target, opaque=self.opaque, notes=(*notes, _how_to_give(model)), weightless=weightless)
            check = self._check(model)
            torch.manual_seed(0)
            self.tell(f"running {target}")
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
        from modinspect.crosscheck import TorchinfoCheck

        return TorchinfoCheck(model)

    def _progress(self, path: str, begun: int) -> None:
        self.tell(f"running {path or self.factory.target.text} ({begun} module calls)")

    def _inputs(self, model: nn.Module, device: torch.device | str) -> tuple[Inputs | None, tuple[str, ...]]:
        """The inputs, and notes on them; ``None`` where nobody says what they are."""
        from modinspect.inputs import call_input_function, make_inputs, try_guesses

        if self.input_fn is not None:
            if self.inputs:
                raise InputError("--input and --input-fn are both given", "Give one of them.")
            made = call_input_function(self.input_fn, model=model, device=device)
            return made, made.notes
        if self.inputs:
            made = make_inputs(self.inputs, model=model, device=device, dtype=self.dtype)
            return made, made.notes
        guessed, notes = try_guesses(model, self.factory, device=device, dtype=self.dtype)
        if guessed is None:
            return None, notes
        return guessed, (*notes, f"input taken from {guessed.how}")


def _floating(name: str) -> torch.dtype:
    import torch

    from modinspect.inputs.spec import dtype_name

    dtype = getattr(torch, dtype_name(name) or "", None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"{name!r} is no floating dtype", "As in float32, bfloat16, float16, float64.")
    return dtype


@contextmanager
def _in_mode(model: nn.Module, *, train: bool) -> Iterator[None]:
    """Puts the model into train or eval mode, and back into what it was in."""
    before = [(module, module.training) for module in model.modules()]
    model.train(train)
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _how_to_give(model: nn.Module) -> str:
    import inspect as python_inspect

    try:
        takes = str(python_inspect.signature(model.forward))
    except (TypeError, ValueError):
        takes = "(...)"
    return f"no input, so nothing ran: give one with --input, as in --input 1,10; forward takes {takes}"


def _check_memory(model: nn.Module, need: str) -> None:
    """Stops where the model would not fit into memory."""
    needed = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    available = _available_memory()
    if available is not None and needed > available:
        raise RunError(
            f"{need}, so a run without memory can't be done; the real one needs {needed / 2**30:.1f} GiB for the parameters "
            f"alone, and {available / 2**30:.1f} GiB are there",
            "Build a smaller model of the kind (--init num_hidden_layers=2), or run it where it fits (--device cuda).",
        )


def _available_memory() -> int | None:
    """Bytes that could be allocated now, where the system says (Linux)."""
    with suppress(OSError), open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


_NO_SUCH_BUILD = ("PyTorch is not linked with support", "Torch not compiled with CUDA enabled")


def _check_build(report: Report) -> None:
    """An error that only says that this torch can't do CUDA says nothing of the model."""
    if report.error is not None and any(text in report.error.message for text in _NO_SUCH_BUILD):
        source = report.error.source
        where = f" at {source.file}:{source.line} ({source.code})" if source is not None else ""
        raise RunError(
            f"what is called{where} can't be tried in this build of torch: {report.error.message}",
            "Use a build with CUDA (no GPU is needed), or --device auto.",
        )

