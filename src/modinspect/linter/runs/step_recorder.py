"""Looking at values while a forward runs: what of them changed between two runs, and where a gradient ends.

A report holds no values. The few rules that need them watch the run itself: each call into torch becomes a :class:`Step`, kept
as numbers and code places; no tensor outlives its step but those of which the gradient is followed to its end.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from modinspect.report import Shape
from modinspect.trace import (
    EDGE,
    SILENT,
    DisableTorchFunction,
    SourceRef,
    Sources,
    flatten,
    is_inside_function,
    operands_of,
    public_name,
    shape_of,
    walk,
    without_dispatch_modes,
)

Fingerprint = tuple[float, ...] | None
"""Numbers that differ where values differ; ``None`` where a tensor was not looked at."""

Fingerprinter: TypeAlias = Callable[[int, int, Tensor], Fingerprint]
"""Gives the fingerprint of a result from the step's index, the result's and the result itself; outputs have step -1."""


@dataclass(slots=True)
class Step:
    """One call into torch. ``operands`` are the steps that made what it took; ``prints`` has one entry for each result."""

    name: str
    place: SourceRef
    module: str
    operands: tuple[int, ...]
    shapes: tuple[Shape | None, ...]
    prints: tuple[Fingerprint, ...] = ()


@dataclass(slots=True)
class Cut:
    """A step whose operands had a gradient and whose results have none. ``ends`` are where the gradient ended."""

    step: int
    floating: bool
    place: SourceRef
    module: str
    ends: list[Any]


@dataclass(slots=True)
class _RunningModule:
    """A module that is running: where it was called, and whether gradients were recorded then."""

    module: nn.Module
    path: str
    place: SourceRef
    grad: bool


@dataclass(slots=True)
class NewModule:
    """A module that ran and that the model did not have before; ``inside`` says that it ran in another such."""

    module: nn.Module
    owner: str
    place: SourceRef
    inside: bool


@dataclass(slots=True)
class RecordedRun:
    """What one watched forward did.

    ``outputs`` are the steps that made them, ``prints`` as in :class:`Step`. ``fresh`` are the modules that ran and that the
    model did not have before; ``constructed`` are, by identity, modules that it made with the lines that made them.
    ``inside`` are the gradients that an ``autograd.Function`` got, which goes on with them in its own way.
    """

    sources: Sources
    steps: list[Step] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    shapes: tuple[Shape | None, ...] = ()
    prints: tuple[Fingerprint, ...] = ()
    cuts: list[Cut] = field(default_factory=list)
    inside: list[Any] = field(default_factory=list)
    fresh: list[NewModule] = field(default_factory=list)
    constructed: dict[int, tuple[weakref.ref[nn.Module], SourceRef]] = field(default_factory=dict)


def whole_tensor(_: int, __: int, tensor: Tensor) -> Fingerprint:
    """The fingerprint of all of a tensor."""
    return fingerprint(tensor)


def outputs_only(fingerprinter: Fingerprinter) -> Fingerprinter:
    """Looks at what the forward gives, and at nothing on the way there, which takes longer than many a forward."""
    return lambda step, position, tensor: fingerprinter(step, position, tensor) if step < 0 else None


def no_fingerprint(_: int, __: int, ___: Tensor) -> Fingerprint:
    """No fingerprint."""
    return None


class StepRecorder(TorchFunctionMode):
    """Notes each step of one forward.

    Args:
        model: whose forward it is.
        edge: the code that calls the model.
        look: gives the fingerprints.
        cuts: whether to note where gradients end.
    """

    def __init__(self, model: nn.Module, edge: CodeType, fingerprinter: Fingerprinter, *, cuts: bool = False) -> None:
        super().__init__()
        self.sources = Sources()
        self.sources.mark(edge, EDGE)
        self.result = RecordedRun(self.sources)
        self._fingerprinter = fingerprinter
        self._cuts = cuts
        self._paths = {id(module): path for path, module in reversed(list(walk(model)))}
        self._producers: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._running: list[_RunningModule] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Watches what runs inside."""
        with ExitStack() as stack:
            stack.callback(register_module_forward_pre_hook(self._enter).remove)
            stack.callback(register_module_forward_hook(self._leave, always_call=True).remove)
            stack.callback(register_module_parameter_registration_hook(self._on_parameter).remove)
            stack.enter_context(self)
            yield

    def finish(self, outputs: Sequence[Tensor]) -> None:
        """Notes what the forward gave."""
        with _unobserved():
            result = self.result
            result.outputs = tuple(made for tensor in outputs if (made := self._step_of(tensor)) is not None)
            result.shapes = tuple(shape_of(tensor) for tensor in outputs)
            result.prints = tuple(self._fingerprinter(-1, index, tensor) for index, tensor in enumerate(outputs))

    def _enter(self, module: nn.Module, _args: Any) -> None:
        place = self.sources.find(sys._getframe(1))
        path = self._paths.get(id(module))
        if path is None:
            path = self._running[-1].path if self._running else ""
            inside = any(id(entered.module) not in self._paths for entered in self._running)
            self.result.fresh.append(NewModule(module, path, place, inside))
        self._running.append(_RunningModule(module, path, place, torch.is_grad_enabled()))

    def _leave(self, module: nn.Module, _args: Any, _output: Any) -> None:
        while self._running and self._running.pop().module is not module:
            pass

    def _on_parameter(self, module: nn.Module, _name: str, _parameter: Any) -> None:
        """A module is being made: by the innermost line that is in no constructor."""
        known = self.result.constructed.get(id(module))
        if known is not None and known[0]() is module:
            return
        frame = self.sources.frame(sys._getframe(1))
        while frame is not None and frame.f_code.co_name == "__init__":
            frame = self.sources.frame(frame.f_back)
        place = self.sources.find(frame)
        self.result.constructed[id(module)] = (weakref.ref(module), place)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in SILENT:
            return func(*args, **kwargs)
        frame = sys._getframe(1)
        place = self.sources.find(frame)
        with DisableTorchFunction():
            operands = [tensor for _, tensor in operands_of(args, kwargs)]
            before = tuple(made for tensor in operands if (made := self._step_of(tensor)) is not None)
            ends = _gradients_of(operands) if self._cuts else []
        out = func(*args, **kwargs)
        with _unobserved():
            results = [tensor for _, tensor in flatten(out)]
            index = len(self.result.steps)
            module = self._running[-1].path if self._running else ""
            prints = tuple(self._fingerprinter(index, position, tensor) for position, tensor in enumerate(results))
            shapes = tuple(shape_of(tensor) for tensor in results)
            self.result.steps.append(Step(public_name(func), place, module, before, shapes, prints))
            for tensor in results or operands[:1]:
                self._producers[id(tensor)] = (weakref.ref(tensor), index)
            if ends and not any(tensor.requires_grad for tensor in results):
                if is_inside_function(frame):  # which differentiates in its own way
                    self.result.inside += ends
                else:
                    self._note_cut(index, place, module, results, ends)
        return out

    def _step_of(self, tensor: Tensor) -> int | None:
        entry = self._producers.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def _note_cut(self, index: int, place: SourceRef, module: str, results: list[Tensor], ends: list[Any]) -> None:
        """Notes a cut: where the outermost module was called that runs without gradients, or where it happened itself."""
        floating = any(tensor.is_floating_point() or tensor.is_complex() for tensor in results)
        if not torch.is_grad_enabled():
            for outer, inner in zip(self._running, self._running[1:], strict=False):
                if outer.grad and not inner.grad:
                    place, module = inner.place, outer.path
                    break
        self.result.cuts.append(Cut(index, floating, place, module, ends))


@contextmanager
def _unobserved() -> Iterator[None]:
    """What runs inside is seen by no mode and leaves no trace in a graph of gradients."""
    with DisableTorchFunction(), without_dispatch_modes(), torch.no_grad():
        yield


def _gradients_of(tensors: list[Tensor]) -> list[Any]:
    """Where the gradients of ``tensors`` go: nodes of the graph, or the leaf itself."""
    return [tensor.grad_fn if tensor.grad_fn is not None else tensor for tensor in tensors if tensor.requires_grad]


def fingerprint(tensor: Tensor) -> Fingerprint:
    """Numbers that differ where the values, or their order, differ."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested or tensor.is_meta:
        return None
    values = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    values = values.detach().double().flatten().nan_to_num(nan=0.577, posinf=1e300, neginf=-1e300)
    places = torch.arange(values.numel(), dtype=torch.float64, device=values.device).add_(1).sin_()
    return (float(values.sum()), float(values.abs().sum()), float(values @ places))


def differ(first: Fingerprint, second: Fingerprint) -> bool:
    """Whether two fingerprints belong to different values, beyond rounding."""
    if first is None or second is None:
        return False
    scale = max(abs(first[1]), abs(second[1]), 1e-12)
    return any(abs(one - other) > 1e-5 * scale for one, other in zip(first, second, strict=True))


class GradientWalk:
    """Follows gradients to the leaves that they reach; goes through each node once."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()

    def leaves(self, starts: Sequence[Any]) -> Iterator[Tensor]:
        """The leaves that gradients from ``starts`` (nodes, or leaves) reach and that were not reached before."""
        waiting = list(starts)
        while waiting:
            node = waiting.pop()
            if isinstance(node, Tensor):
                yield node
                continue
            if node is None or node in self._seen:
                continue
            self._seen.add(node)
            variable = getattr(node, "variable", None)
            if isinstance(variable, Tensor):
                yield variable
            waiting.extend(following for following, _ in node.next_functions)


def gradient_starts(tensors: Sequence[Tensor]) -> list[Any]:
    """Where to begin to follow the gradients of ``tensors``."""
    with DisableTorchFunction():
        return _gradients_of(list(tensors))
