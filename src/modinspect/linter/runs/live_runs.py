"""The runs behind the rules: a live model asked in another mode, with another batch size, in another dtype.

Each run begins with the model as it was handed in, and leaves it so: whatever a run changes is put back by
:func:`modinspect.trace.trace`. Runs are made when a rule first asks, and kept.
"""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from modinspect.errors import RunError
from modinspect.linter.rule import CallSite, CreatedModule, Gradients, ModeMismatch, Undecided
from modinspect.linter.runs.batch_dimension import batch_along, find_batch
from modinspect.linter.runs.created_modules import find_created_modules, parameter_registrations
from modinspect.linter.runs.declarations import declared, method
from modinspect.linter.runs.forward import Forward, WrappedBody, quietly, raised, record
from modinspect.linter.runs.gradients import follow_gradients, own_attributes
from modinspect.linter.runs.input_variants import (
    Arguments,
    Batch,
    floats_as,
    fresh,
    other_values,
    tensors_of,
    with_another,
    with_batch,
)
from modinspect.linter.runs.mode_switch import Switch, registered, switching
from modinspect.linter.runs.run_comparison import (
    differs,
    first_difference,
    first_mixing,
    follows_batch,
    outputs_mix,
    same_calls,
    sample_fingerprinter,
)
from modinspect.linter.runs.step_recorder import (
    Fingerprinter,
    RecordedRun,
    Step,
    no_fingerprint,
    outputs_only,
    whole_tensor,
)
from modinspect.registered import buffers, modules, parameters
from modinspect.report import Report, Source
from modinspect.trace import (
    DisableTorchFunction,
    NeedsValues,
    Preserved,
    Weightless,
    mode_of,
    trace,
    walk,
    without_dispatch_modes,
    without_memory,
)
from modinspect.usercode import describe

_T = TypeVar("_T")

_WANTS_GRADIENTS = ("does not require grad", "not have been used in the graph")
"""What torch says of a model that differentiates in its forward where no gradients are recorded."""

_MORE_DRAWS = 6
_MORE_DRAWS_IF_QUICK = 24
"""Further runs of a model that asks for random numbers: few samples may be kept, or dropped, alike by chance."""

_VARIED = 4
"""Runs on other values."""

_BEYOND = 7
"""How far beyond the given integers other ones are tried: given ones are all zero by default."""

_MANY_FLOPS = 10**9
"""Of a forward: beyond, a run in another dtype is made without memory where that is possible, and fewer are made by chance."""


class LiveRuns:
    """The :class:`~modinspect.linter.rule.Runs` of a live model.

    Args:
        model: in whatever mode; it is left in it.
        args: positional arguments of ``forward``.
        kwargs: keyword arguments of ``forward``.
        target: what the reports call the model; its class if ``None``.
        opaque: globs of classes that count as layers.
        batch_dim: the dimension of the inputs that is the batch; ``None`` to find it out.
        weightless: given where the model has no memory; the rules that need values are then not decided.
    """

    def __init__(
        self,
        model: nn.Module,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        target: str | None = None,
        opaque: Sequence[str] = (),
        batch_dim: int | None = None,
        weightless: Weightless | None = None,
    ) -> None:
        self._model = model
        self._arguments: Arguments = (tuple(args), dict(kwargs or {}))
        self._target = target
        self._opaque = tuple(opaque)
        self._batch_dim = batch_dim
        self._weightless = weightless
        self._grad = False
        self._registered: list[str] = []
        self._known: dict[object, Any] = {}

    # -- what rules ask

    def outcome(self) -> Report:
        """The eval run on the given inputs, whether or not its forward raised."""
        return self._once("eval", self._make_outcome)

    @property
    def report(self) -> Report:
        """The eval run on the given inputs."""
        report = self.outcome()
        if report.error is not None:
            raise Undecided(f"the forward raised {raised(report)}")
        return report

    def train(self) -> Report:
        """The run in train mode; on a batch of two where one sample is too few for a batch norm."""
        return self._once("train", self._make_train)

    def batch_size(self) -> int:
        """The batch size of the given inputs."""
        return self._batch().size

    def batch(self, size: int) -> Report:
        """The eval run on inputs of another batch size."""
        return self._once(("batch", size), lambda: self._make_batch(size))

    def varied_inputs(self) -> tuple[Report, ...]:
        """Eval runs on other values than the given ones; those that raised are left out."""
        return self._once("varied", lambda: tuple(self._make_varied_inputs()))

    def dtype(self, name: str) -> Report:
        """The eval run with parameters, buffers and floating inputs of another dtype."""
        return self._once(("dtype", name), lambda: self._make_dtype(name))

    def device(self, name: str) -> Report:
        """The eval run on another device, without memory: ``weightless:cuda``."""
        return self._once(("device", name), lambda: self._make_device(name))

    def mode_mismatches(self) -> tuple[ModeMismatch, ...]:
        """Registered modules in the other mode after ``model.eval()`` and after ``model.train()``."""
        return self._once("modes", self._make_mode_mismatches)

    def nondeterminism(self) -> CallSite | None:
        """Where two eval runs on the same input first differ."""
        return self._once("difference", self._make_nondeterminism)

    def batch_mixing(self) -> CallSite | None:
        """Where one sample of the batch first has an effect on another."""
        return self._once("mixing", self._make_batch_mixing)

    def gradients(self) -> Gradients:
        """Which trainable parameters the gradient of the outputs reaches, in train mode or in eval mode."""
        return self._once("gradients", self._make_gradients)

    def created_modules(self) -> tuple[CreatedModule, ...]:
        """The modules with parameters that the forward makes, anew each time or in the first one."""
        return self._once("created", self._make_created_modules)

    def moved_by_hand(self) -> frozenset[str]:
        """The tensors kept in attributes, no parameters or buffers, that ``model.to()`` takes along."""
        moved = {id(tensor) for tensor in self._moved()}
        return frozenset(
            f"{path}.{name}" if path else name
            for path, module in registered(self._model)
            for name, value in own_attributes(module).items()
            if isinstance(value, Tensor) and id(value) in moved
        )

    def declared(self, name: str) -> Source | None:
        """The line of code outside torch that registers the module or tensor ``name``."""
        return declared(self._model, name)

    # -- how runs are made

    def _once(self, key: object, make: Callable[[], _T]) -> _T:
        """What ``make`` gives, or its :class:`Undecided`: made once."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except Undecided as undecided:
                self._known[key] = undecided
        found = self._known[key]
        if isinstance(found, Undecided):
            raise found
        return found  # type: ignore[no-any-return]

    def _trace(
        self,
        arguments: Arguments,
        *,
        train: bool = False,
        weightless: Weightless | None = None,
        observer: Callable[[nn.Module], AbstractContextManager[Any]] | None = None,
    ) -> Report:
        args, kwargs = fresh(arguments)
        with self._mode(train), quietly():
            try:
                return trace(
                    self._model,
                    args,
                    kwargs,
                    target=self._target,
                    grad=self._grad,
                    opaque=self._opaque,
                    weightless=weightless or self._weightless,
                    observer=observer,
                )
            except NeedsValues as needed:
                raise Undecided(f"without memory it can't be run: {needed}") from needed
            except RunError as error:
                raise Undecided(error.message) from error

    @contextmanager
    def _mode(self, train: bool) -> Iterator[None]:
        """Puts the model into a mode with its own method, and back into that of each module."""
        with switching(self._model) as switch:
            switch("train" if train else "eval")
            yield

    def _record(
        self,
        body: Callable[[nn.Module, Callable[[], Any]], _T],
        arguments: Arguments | None = None,
        *,
        train: bool = False,
        grad: bool = False,
        values: bool = True,
    ) -> _T:
        """Runs ``body``, which may call the forward it is handed as often as it likes; everything is put back afterwards."""
        if self._weightless is not None and values:
            raise Undecided("it needs a real run, and the model was run without memory")
        forward = Forward(arguments or self._arguments)
        given: list[_T] = []  # not an attribute of the module: those are put back
        wrapped = WrappedBody(self._model, lambda model: given.append(body(model, functools.partial(forward, model))))
        with self._mode(train), quietly():
            try:
                report = trace(wrapped, grad=grad or self._grad, weightless=self._weightless)
            except NeedsValues as needed:
                raise Undecided(f"without memory it can't be run: {needed}") from needed
            except RunError as error:
                raise Undecided(error.message) from error
        if report.error is not None:
            if forward.raised is None:
                raise RuntimeError(report.error.traceback)
            raise Undecided(f"the forward raised {raised(report)}")
        return given[0]

    def _make_outcome(self) -> Report:
        with parameter_registrations() as self._registered:
            report = self._trace(self._arguments)
            if report.error is not None and any(words in report.error.message for words in _WANTS_GRADIENTS):
                self._grad = True
                report = self._trace(self._arguments)
        return report

    # -- train mode

    def _make_train(self) -> Report:
        report = self._trace(self._train_arguments(), train=True)
        if report.error is not None:
            raise Undecided(f"in train mode the forward raised {raised(report)}")
        return report

    def _train_arguments(self) -> Arguments:
        """The given inputs; two samples where there is one, if nobody disputes which dimension is the batch."""
        try:
            batch = self._batch()
            return self._arguments if batch.size > 1 else with_batch(self._arguments, batch, 2)
        except Undecided:
            return self._arguments

    # -- batches

    def _make_batch(self, wanted: int) -> Report:
        batch = self._batch()
        return self.report if wanted == batch.size else self._trace(with_batch(self._arguments, batch, wanted))

    def _batch(self) -> Batch:
        """Where the batch is in the given inputs."""
        return self._once("batch", self._find_batch)

    def _find_batch(self) -> Batch:
        if self._batch_dim is not None:
            return batch_along([tensor for _, tensor in tensors_of(self._arguments)], self._batch_dim)
        found = ((path, getattr(module, "batch_first", None)) for path, module in walk(self._model))
        sequential = {path: first for path, first in found if isinstance(first, bool)}
        return find_batch(self._arguments, self.report, sequential, self._trace)

    # -- other values

    def _make_varied_inputs(self) -> Iterator[Report]:
        for seed in range(_VARIED):
            for beyond in (_BEYOND, 0):  # an embedding may know no larger integers than the given ones
                report = self._trace(other_values(self._arguments, seed, beyond=beyond))
                if report.error is None:
                    yield report
                    break

    # -- dtype and device

    def _make_dtype(self, name: str) -> Report:
        dtype = getattr(torch, name)
        arguments = floats_as(self._arguments, dtype)
        long = self._weightless is None and not self._grad and (self.report.totals.flops or 0) >= _MANY_FLOPS
        tensors = [*parameters(self._model), *buffers(self._model)]
        tensors += [tensor.grad for tensor in tensors if tensor.grad is not None]
        preserved = Preserved([module for _, module in walk(self._model)])
        try:
            for tensor in tensors:
                preserved.before_set_data(tensor)
            with quietly():
                type(self._model).to(self._model, dtype)
            return (self._quick_trace(arguments) if long else None) or self._trace(arguments)
        except Undecided:
            raise
        except Exception as error:
            raise Undecided(f"model.to({name}) raised {describe(error)}") from error
        finally:
            preserved.restore()

    def _moved(self) -> tuple[Tensor, ...]:
        """The tensors that ``model.to()`` takes along."""
        return self._once("moved", lambda: _moved(self._model))

    def _quick_trace(self, arguments: Arguments) -> Report | None:
        """A run without memory of what takes long, as few CPUs have narrow dtypes; ``None`` where that can't be."""
        with without_memory() as nothing_built:
            weightless = Weightless(torch.device("cpu"), nothing_built)
        try:
            report = self._trace(arguments, weightless=weightless, observer=_in_inference_mode)
        except Undecided:
            return None
        return report if report.error is None else None

    def _make_device(self, name: str) -> Report:
        kind, _, device = name.partition(":")
        if kind != "weightless":
            raise Undecided(f"there is no run on {name}")
        if self._grad:
            raise Undecided("the forward differentiates, which can't be done without the device")
        if any(isinstance(module, torch.jit.ScriptModule) for module in modules(self._model)):
            raise Undecided("a scripted or traced module can't be run without the device")
        with without_memory() as nothing_built:
            weightless = Weightless(torch.device(device), nothing_built, self._moved())
        # Where gradients are recorded on a device that is not there, torch ends the process: nobody may record any.
        return self._trace(self._arguments, weightless=weightless, observer=_in_inference_mode)

    # -- modes

    def _make_mode_mismatches(self) -> tuple[ModeMismatch, ...]:
        modules = list(registered(self._model))
        with switching(self._model) as switch:
            first, evaluated, second = (_switched(switch, modules, to) for to in ("train", "eval", "train"))
        mismatches = []
        for path, _ in modules:
            if evaluated[path]:
                mismatches.append(ModeMismatch(path, "eval", not first[path], method(self._model, path)))
            if not second[path]:
                mismatches.append(ModeMismatch(path, "train", not first[path], method(self._model, path)))
        return tuple(mismatches)

    # -- two runs compared

    def _make_nondeterminism(self) -> CallSite | None:
        draws = _MORE_DRAWS_IF_QUICK if (self.report.totals.flops or 0) < _MANY_FLOPS else _MORE_DRAWS

        def again(
            model: nn.Module, forward: Callable[[], Any], fingerprinter: Fingerprinter
        ) -> tuple[RecordedRun, RecordedRun]:
            before = _random_state()
            first, second = record(model, forward, fingerprinter), record(model, forward, fingerprinter)
            for _ in range(draws if _random_state() != before else 0):  # two random draws may be equal
                if differs(first, second):
                    break
                second = record(model, forward, fingerprinter)
            return first, second

        if not differs(*self._record(functools.partial(again, fingerprinter=outputs_only(whole_tensor)))):
            return None
        first, second = self._record(functools.partial(again, fingerprinter=whole_tensor))
        return self._site(first_difference(first, second), second)

    def _make_batch_mixing(self) -> CallSite | None:
        batch = self._batch()

        def run(wanted: Arguments, fingerprinter: Fingerprinter) -> RecordedRun:
            return self._record(lambda model, forward: record(model, forward, fingerprinter), wanted)

        three = run(with_batch(self._arguments, batch, 3), no_fingerprint)
        two = with_batch(self._arguments, batch, 2)
        for kept in (0, 1):
            fingerprinter = sample_fingerprinter(kept, three)

            def twice(fingerprinter: Fingerprinter, kept: int = kept) -> tuple[RecordedRun, RecordedRun]:
                return run(two, fingerprinter), self._with_another(
                    two, batch, 1 - kept, functools.partial(run, fingerprinter=fingerprinter)
                )

            before, after = twice(outputs_only(fingerprinter))
            if not follows_batch(before, three):
                raise Undecided("no output has a dimension that follows the batch size")
            if outputs_mix(before, after, three):
                if not same_calls(before, after):
                    raise Undecided("another sample changes which calls are made, as padding to the longest does")
                before, after = twice(fingerprinter)
                return self._site(first_mixing(before, after, three), after)
        return None

    def _with_another(self, two: Arguments, batch: Batch, which: int, run: Callable[[Arguments], RecordedRun]) -> RecordedRun:
        """The run with one sample replaced; more mildly where the forward refuses the first replacement."""
        reason = "no input could be changed"
        for mild in (False, True):
            changed = with_another(two, batch, which, mild=mild)
            if all(torch.equal(one, other) for (_, one), (_, other) in zip(tensors_of(two), tensors_of(changed), strict=True)):
                continue
            try:
                return run(changed)
            except Undecided as undecided:
                reason = undecided.reason
        raise Undecided(reason)

    def _site(self, step: Step | None, run: RecordedRun) -> CallSite | None:
        """A step as a place in the code, with the module that the eval run says it belongs to."""
        if step is None:
            return CallSite(None, "", "")
        return CallSite(run.sources.source(step.place), step.name, step.module)

    # -- gradients

    def _make_gradients(self) -> Gradients:
        found, reasons = [], []
        for train in (True, False):
            try:
                found.append(self._record(follow_gradients, self._train_arguments() if train else None, train=train, grad=True))
            except Undecided as undecided:
                reasons.append(undecided)
        if not found:
            raise reasons[0]
        followed = [result for result in found if result is not None]
        if not followed:
            raise Undecided("no output is a floating tensor")
        reached = frozenset[str]().union(*(names for names, _ in followed))
        cuts = {name: site for _, ends in reversed(followed) for name, site in ends.items() if name not in reached}
        return Gradients(reached, cuts)

    # -- modules made in forward

    def _make_created_modules(self) -> tuple[CreatedModule, ...]:
        if all(module.registered for module in self.report.modules) and not self._registered:
            return ()
        return tuple(created for created in self._record(find_created_modules, values=False) if created.params)


# -- chance


def _random_state() -> tuple[object, ...]:
    """The states of the random generators that everybody shares."""
    numpy = sys.modules.get("numpy")
    numpys = () if numpy is None else numpy.random.get_state()
    with DisableTorchFunction(), without_dispatch_modes():
        torchs = torch.get_rng_state().numpy().tobytes()
    return (random.getstate(), torchs, *(item.tobytes() if hasattr(item, "tobytes") else item for item in numpys))


# -- modes


def _switched(switch: Switch, modules: Sequence[tuple[str, nn.Module]], to: Literal["train", "eval"]) -> dict[str, bool]:
    switch(to)
    return {path: mode_of(module) for path, module in modules}


def _in_inference_mode(_: nn.Module) -> AbstractContextManager[Any]:
    return torch.inference_mode()


# -- attributes


def _moved(model: nn.Module) -> tuple[Tensor, ...]:
    """What ``_apply``, which is behind ``to()``, ``cuda()`` and ``half()``, is asked to move."""
    moved: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        moved[id(tensor)] = tensor
        return tensor

    preserved = Preserved([module for _, module in walk(model)])
    try:
        type(model)._apply(model, note)  # type: ignore[no-untyped-call, unused-ignore]
    except Exception as error:
        raise Undecided(f"model.to() raised {describe(error)}") from error
    finally:
        preserved.restore()
    return tuple(moved.values())
