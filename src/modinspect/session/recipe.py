"""From an imported target to a model and what its ``forward`` is called with: what ``show`` and ``lint`` do alike."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modinspect.errors import InputError, RunError
from modinspect.signatures import argument_names

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from modinspect.inputs import Inputs
    from modinspect.report import Output
    from modinspect.target import Factory
    from modinspect.trace import Weightless


@dataclass(frozen=True)
class Recipe:
    """How a model and its inputs are made; ``tell`` is told in words what is being done."""

    factory: Factory
    inputs: tuple[str, ...]
    input_fn: str | None
    dtype: str | None
    tell: Callable[[str], None]

    def build(self) -> nn.Module:
        """The model, with parameters of the wanted dtype; the same one each time.

        Raises:
            TargetError: it could not be built.
            RunError: some module in it is none that torch itself could work with.
        """
        import torch

        from modinspect.trace.model.registry import check_modules

        self.tell(f"building {self.factory.target.text}")
        torch.manual_seed(0)
        model = self._built()
        check_modules(model)
        return model

    def _built(self) -> nn.Module:
        import torch
        from torch import nn

        if self.dtype is None:
            return self.factory.build()
        dtype = _floating(self.dtype)
        if isinstance(self.factory.obj, nn.Module):
            return copy.deepcopy(self.factory.obj).to(dtype)
        before = torch.get_default_dtype()
        try:
            torch.set_default_dtype(dtype)
        except TypeError as error:
            raise InputError(f"{self.dtype!r} can't be the dtype of a whole model", _FLOATING) from error
        try:
            return self.factory.build()
        finally:
            torch.set_default_dtype(before)

    def candidates(
        self, model: nn.Module, device: torch.device | str, weightless: Weightless | None, notes: list[str]
    ) -> Iterator[Inputs]:
        """What ``forward`` may be called with: what was given, else each guess, the likeliest first.

        A guess may turn out not to run, and the next one is for that. ``notes`` gets one on each that can't even be tried.

        Raises:
            InputError: what was given could not be made, or does not fit ``forward``.
        """
        from modinspect.inputs import call_input_function, candidates, make_inputs

        if self.input_fn is not None:
            if self.inputs:
                raise InputError("--input and --input-fn are both given", "Give one of them.")
            yield call_input_function(self.input_fn, model=model, device=device)
        elif self.inputs:
            yield make_inputs(self.inputs, model=model, device=device, dtype=self.dtype)
        else:
            ask = _Asker(model, weightless)
            for guess in candidates(model, self.factory, ask, device=device, dtype=self.dtype, notes=notes):
                yield replace(guess, notes=(*guess.notes, f"input taken from {guess.how}"))

    def make_inputs(
        self, model: nn.Module, device: torch.device | str, weightless: Weightless | None = None
    ) -> tuple[Inputs | None, tuple[str, ...]]:
        """The first inputs that the model takes (the first of all where it takes none), and notes on them; else ``None``.

        Raises:
            InputError: they could not be made, or don't fit ``forward``.
            NeedsValues: to see whether a guess runs, a value was needed that a run without memory does not have.
        """
        from modinspect.trace import trace

        notes: list[str] = []
        first: Inputs | None = None
        for inputs in self.candidates(model, device, weightless, notes):
            given = self.inputs or self.input_fn is not None
            if given or trace(model, inputs.args, inputs.kwargs, weightless=weightless).error is None:
                return inputs, inputs.notes
            first = first or inputs
        return (first, first.notes) if first is not None else (None, tuple(notes))


@dataclass(frozen=True)
class _Asker:
    """Runs methods of a model, for guesses that need to know what these give."""

    model: nn.Module
    weightless: Weightless | None

    def __call__(self, method: str, arguments: Mapping[str, Any]) -> tuple[Output, ...] | None:
        """What the method gave; ``None`` where it raised, or needed values that a model as large as this can't have here."""
        from torch import nn

        from modinspect.trace import NeedsValues, trace
        from modinspect.trace.model.registry import mode_of

        class Method(nn.Module):
            def __init__(self, model: nn.Module) -> None:
                super().__init__()
                self.model = model
                self.training = mode_of(model)

            def forward(self, **arguments: Any) -> Any:
                given = operator.attrgetter(method)(self.model)(**arguments)
                return getattr(given, "pooler_output", given)  # beside the fields of some outputs, not among them

        try:
            report = trace(Method(self.model), (), arguments, weightless=self.weightless)
        except NeedsValues:
            if fits_memory(self.model):
                raise
            return None
        return report.outputs if report.error is None else None


def real_device(name: str) -> torch.device:
    """A device for a real run.

    Raises:
        RunError: there is none of that name, or it can't be used here.
    """
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise RunError(f"the device {name!r} can't be used: {reason}", _DEVICES) from error
    if device.type == "meta":
        raise RunError("the device 'meta' has no memory to run in", f"A run without memory: --device weightless. {_DEVICES}")
    return device


_DEVICES = "As in auto, cpu, cuda, cuda:1, mps, weightless, weightless:cuda (which needs no GPU)."


def weightless_device(where: str) -> torch.device:
    """The device that a run without memory is to look as if it were on: what follows ``weightless:``.

    Raises:
        InputError: there is none of that name.
    """
    import torch

    if where.partition(":")[0] not in ("", "cpu", "cuda"):
        raise InputError(f"'weightless:{where}' is no device", "As in weightless, weightless:cpu, weightless:cuda.")
    return torch.device(where or "cpu") if where != "cuda" else torch.device("cuda:0")


def how_to_give(model: nn.Module) -> str:
    """What ``forward`` takes, so that one sees what to give by ``--input``."""
    try:
        takes = ", ".join(argument_names(inspect.signature(model.forward)))
    except (TypeError, ValueError):
        return "give one with --input"
    return f"give one with --input; forward takes {takes or 'nothing'}"


def param_bytes(parameters: Iterable[Tensor]) -> int:
    """The memory that parameters take, or would take; those of lazy modules have no size yet."""
    from torch.nn.parameter import is_lazy

    return sum(tensor.numel() * tensor.element_size() for tensor in parameters if not is_lazy(tensor))


def fits_memory(model: nn.Module) -> bool:
    """Whether the parameters would fit into what memory there is, as far as the system says."""
    available = _available_memory()
    return available is None or param_bytes(model.parameters()) <= available


def check_memory(parameters: Iterable[Tensor], need: str) -> None:
    """Stops where a model with these parameters would not fit into memory.

    Raises:
        RunError: it would not.
    """
    available, needed = _available_memory(), param_bytes(parameters)
    if available is not None and needed > available:
        size = f"{needed / 2**30:.1f} GiB for the parameters alone, and {available / 2**30:.1f} GiB are there"
        raise RunError(f"{need}, so a run without memory can't be done; the real one needs {size}", _SMALLER)


@contextmanager
def within_memory(need: str) -> Iterator[None]:
    """Builds a model with memory because of ``need``, whatever size it turns out to have.

    Raises:
        RunError: it does not fit into memory.
    """
    from modinspect.trace import within

    available = _available_memory()
    size = f"more for the parameters alone than the {(available or 0) / 2**30:.1f} GiB that are there"
    with within(available, f"{need}, so a run without memory can't be done; the real one needs {size}", _SMALLER):
        yield


_SMALLER = "Build a smaller model of the kind (--init num_hidden_layers=2), or run it where it fits (--device cuda)."


def _available_memory() -> int | None:
    """Bytes that could be allocated now, where the system says (Linux)."""
    with suppress(OSError), open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


_FLOATING = "As in float32, bfloat16, float16, float64."


def _floating(name: str) -> torch.dtype:
    import torch

    from modinspect.inputs.spec import dtype_name

    dtype = getattr(torch, dtype_name(name) or "", None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"{name!r} is no floating dtype", _FLOATING)
    return dtype
