"""How a model and its inputs are made, from an imported target."""

from __future__ import annotations

import copy
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from modinspect.errors import InputError
from modinspect.session.devices import model_dtype_named
from modinspect.session.memory import available_memory, fits_memory
from modinspect.session.request import Request
from modinspect.signatures import argument_names, signature_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from modinspect.inputs import Inputs
    from modinspect.report import Output, Report
    from modinspect.target import Factory
    from modinspect.trace import Weightless


@dataclass(frozen=True)
class Recipe:
    """An imported target and what was asked for.

    Args:
        factory: builds the model.
        request: what was asked for.
        tell: called with a few words on what is being done.
        name: the target as progress and reports call it.
    """

    factory: Factory
    request: Request
    tell: Callable[[str], None]
    name: str

    def build(self) -> nn.Module:
        """Builds the model, with parameters of the requested dtype; each time the same one.

        Raises:
            TargetError: it could not be built.
            RunError: torch itself could not work with one of its modules.
        """
        import torch

        from modinspect.trace import check_modules

        self.tell(f"building {self.name}")
        torch.manual_seed(0)
        model = self._built()
        check_modules(model)
        return model

    def _built(self) -> nn.Module:
        import torch
        from torch import nn

        if self.request.dtype is None:
            return self.factory.build()
        dtype = model_dtype_named(self.request.dtype)
        if isinstance(self.factory.obj, nn.Module):
            model = copy.deepcopy(self.factory.obj)
            return type(model).to(model, dtype)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            return self.factory.build()
        finally:
            torch.set_default_dtype(before)

    @property
    def inputs_given(self) -> bool:
        """Whether the user said what the inputs are."""
        return bool(self.request.inputs) or self.request.input_fn is not None

    def candidates(
        self, model: nn.Module, device: torch.device | str, weightless: Weightless | None, notes: list[str]
    ) -> Iterator[Inputs]:
        """Yields what ``forward`` may be called with: the inputs given, else each guess, the likeliest first.

        A guess may fail to run; then the next one is tried. ``notes`` gets one on each that can't even be tried.

        Args:
            model: to run
            device: of the tensors
            weightless: the mode of a run without memory, if it is one
            notes: gets a line for each guess that can't be tried

        Raises:
            InputError: the inputs given could not be made, or don't fit ``forward``.
        """
        from modinspect.inputs import call_input_function, candidates, make_inputs

        asked = self.request
        if asked.input_fn is not None:
            if asked.inputs or asked.arguments:
                option = "--input" if asked.inputs else "--arg"
                raise InputError(f"{option} and --input-fn are both given", "Give one of them.")
            yield call_input_function(asked.input_fn, model=model, device=device)
            return
        make = partial(make_inputs, model=model, device=device, dtype=asked.dtype, available=available_memory())
        if asked.inputs:
            yield make(asked.inputs, arguments=asked.arguments)
            return
        found = candidates(
            model,
            self.factory,
            _Asker(model, weightless),
            device=device,
            dtype=asked.dtype,
            arguments=asked.arguments,
            notes=notes,
        )
        first = next(found, None)
        if first is None and asked.arguments:
            yield make((), arguments=asked.arguments)
        for guess in itertools.chain([] if first is None else [first], found):
            yield replace(guess, notes=(*guess.notes, f"input taken from {guess.how}"))


@contextmanager
def open_target(request: Request, tell: Callable[[str], None], *, name: str = "") -> Iterator[Recipe]:
    """Imports a target, and keeps what its code needs importable while the block runs.

    Other threads wait for their turn meanwhile. Afterwards ``sys.path``, random states and global settings are as before.

    Args:
        request: what to import, and how it will be run.
        tell: called with a few words on what is being done.
        name: the target as progress and reports call it; as it was written by default.

    Raises:
        TargetError: it can't be found or imported.
    """
    from modinspect.target import importable_cwd, load
    from modinspect.trace import preserved_process, target_lock

    with target_lock(), importable_cwd(), preserved_process():
        tell(f"importing {name or request.target}")
        factory = load(request.target, request.init)
        with importable_cwd(*factory.directories):
            yield Recipe(factory, request, tell, name or factory.target.text)


def first_that_runs(
    candidates: Iterator[Inputs], model: nn.Module, run: Callable[[Inputs], Report]
) -> tuple[Inputs, Report] | None:
    """Runs the candidates until one doesn't fail.

    Args:
        candidates: inputs to try, in this order
        model: to run
        run: runs the model on inputs

    Returns:
        The first inputs that run, with their report. If all fail, the first: its report says why. ``None`` without candidates.

    Raises:
        NeedsValues: a weightless run needed a value that it doesn't have. If the model is too large for real weights, the other
            candidates are tried before that.
    """
    from modinspect.trace import NeedsValues

    first: tuple[Inputs, Report] | None = None
    needed: NeedsValues | None = None
    for inputs in candidates:
        try:
            report = run(inputs)
        except NeedsValues as need:
            if fits_memory(model):
                raise
            needed = needed or need
            continue
        if report.error is None:
            return inputs, report
        first = first or (inputs, report)
    if needed is not None:
        raise needed
    return first


def how_to_give(model: nn.Module) -> str:
    """A hint on how to give the inputs, with the arguments of ``forward``."""
    from modinspect.inputs import options_for

    signature = signature_of(model.forward)
    if signature is None:
        return "give one with --input"
    options = options_for(signature)
    takes = ", ".join(argument_names(signature))
    return f"give one with {options or '--input'}; forward takes {takes or 'nothing'}"


@dataclass(frozen=True)
class _Asker:
    """Runs methods of a model, for guesses that need to know what these return."""

    model: nn.Module
    weightless: Weightless | None

    def __call__(self, method: str, arguments: Mapping[str, Any]) -> tuple[Output, ...] | None:
        """The outputs of the method; ``None`` if it raised, or needed values that a model of this size can't have here."""
        from torch import nn

        from modinspect.trace import NeedsValues, mode_of, trace

        class Method(nn.Module):
            def __init__(self, model: nn.Module) -> None:
                super().__init__()
                self.model = model
                self.training = mode_of(model)

            def forward(self, **arguments: Any) -> Any:
                returned = operator.attrgetter(method)(self.model)(**arguments)
                return getattr(returned, "pooler_output", returned)  # an attribute of some outputs, not one of their items

        try:
            report = trace(Method(self.model), (), arguments, weightless=self.weightless)
        except NeedsValues:
            if fits_memory(self.model):
                raise
            return None
        return report.outputs if report.error is None else None
