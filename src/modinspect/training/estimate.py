"""Runs inference and two training steps, and follows what they allocate."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from modinspect.errors import RunError
from modinspect.memory import KINDS, Kept, Kind, MemoryBytes, MemoryReport, Moment, Peak, Phase
from modinspect.report import Source
from modinspect.trace import EDGE, SourceRef, Sources, flatten_all
from modinspect.training.cuda_kernels import CudaKernels, Workspace
from modinspect.training.tracker import Allocation, CallMode, Tracker
from modinspect.usercode import describe

Optimizer: TypeAlias = Literal["sgd", "sgd-momentum", "adam", "adamw", "none"]

OPTIMIZERS: Mapping[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=1e-3, foreach=True),
    "sgd-momentum": lambda params: torch.optim.SGD(params, lr=1e-3, momentum=0.9, foreach=True),
    "adam": lambda params: torch.optim.Adam(params, foreach=True),
    "adamw": lambda params: torch.optim.AdamW(params, foreach=True),
    "none": None,
}
"""How each is made; on a GPU torch takes the foreach form by default."""

_MOMENTS = 240
"""So many moments of the timeline are kept, each the largest of its neighbours."""

_MOST_KEPT = 10

_WHERE = "`modinspect show` with the same options says where and why."


@dataclass(frozen=True)
class Training:
    """How to train.

    Args:
        optimizer: a key of :data:`OPTIMIZERS`.
        autocast: a dtype for ``torch.autocast``; ``None`` for none.
        checkpoint: globs of module paths whose activations are computed again in backward.
    """

    optimizer: str = "adamw"
    autocast: torch.dtype | None = None
    checkpoint: tuple[str, ...] = ()


def estimate(
    model: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    training: Training,
    *,
    target: str,
    mode: AbstractContextManager[Any] | None = None,
    notes: tuple[str, ...] = (),
) -> MemoryReport:
    """Runs ``model`` in eval mode, then two training steps in train mode, and reports what was allocated.

    The loss is the sum of the first tensor of the output. ``model`` is changed: it is trained, and its mode is another.

    Args:
        model: with weights, or with weightless parameters if ``mode`` is given.
        args: positional arguments of ``forward``.
        kwargs: keyword arguments of ``forward``.
        training: how to train.
        target: what the report calls the model.
        mode: the mode that weightless tensors need; ``None`` for a real run.
        notes: said in the report.

    Raises:
        RunError: a forward or backward raised.
    """
    run = _Run(model, args, kwargs, training)
    with ExitStack() as stack:
        stack.enter_context(mode or nullcontext())
        stack.enter_context(run.tracker)
        stack.enter_context(CudaKernels(run.tracker.workspace))
        stack.enter_context(run.calls)
        stack.enter_context(run.calls.watching_modules())
        stack.enter_context(_checkpointed(model, training.checkpoint, run.tracker.workspace))
        run.all()
    return run.report(target, "real" if mode is None else "weightless", notes)


class _Run:
    """The phases, one after the other, and what was seen of them."""

    def __init__(self, model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], training: Training) -> None:
        self.model, self.args, self.kwargs, self.training = model, tuple(args), dict(kwargs), training
        self.tracker = Tracker()
        self.sources = Sources()
        self.sources.mark(_Run._forward.__code__, EDGE)
        self.calls = CallMode(self.tracker, self.sources, {id(module): path for path, module in model.named_modules()})
        self.sizes: dict[str, int] = {}
        self.peaks: list[Peak] = []
        self.kept: list[Allocation] = []
        self.step_allocations: list[Allocation] = []
        self.marks: list[tuple[Phase, int]] = []
        self.batch: int | None = None

    def all(self) -> None:
        tracker, model = self.tracker, self.model
        parameters = list(model.parameters())
        self.sizes["params"] = tracker.mark(parameters, "params")
        self.sizes["buffers"] = tracker.mark(model.buffers(), "buffers")
        inputs = [tensor for _, tensor in flatten_all([self.args, self.kwargs])]
        self.batch = next((tensor.size(0) for tensor in inputs if tensor.dim()), None)
        self.sizes["inputs"] = tracker.mark(inputs, "inputs")
        gc.collect()
        self._inference()
        trainable = [parameter for parameter in parameters if parameter.requires_grad]
        make = OPTIMIZERS[self.training.optimizer]
        optimizer = make(trainable) if make is not None and trainable else None
        model.train()
        tracker.forget_the_dead()
        self._step(trainable, optimizer, first=True)
        self.step_allocations, self.tracker.allocations = self.tracker.allocations, []
        if optimizer is not None:
            optimizer.zero_grad()
        else:
            model.zero_grad()
        steady = self._step(trainable, optimizer, first=False)
        self.sizes["steady_peak"] = steady

    def _inference(self) -> None:
        self.model.eval()
        self.tracker.begin("inference")
        with torch.no_grad():
            out = self._forward()
        del out
        self._note("inference_peak")

    def _step(self, trainable: list[nn.Parameter], optimizer: torch.optim.Optimizer | None, *, first: bool) -> int:
        """One training step; gives its peak."""
        tracker = self.tracker
        tracker.begin("forward")
        start = tracker.operators
        out = self._forward()
        self._end("forward", start, first)
        if first:
            self.sizes["forward_end"] = tracker.allocator.allocated
            self.kept = [made for made in tracker.allocations if made.stop is None and made.kind is None]
            self._note("forward_peak")
        most = tracker.allocator.peak
        tracker.begin("backward")
        start = tracker.operators
        if trainable:
            loss = _first(out).float().sum()
            if loss.grad_fn is not None:
                _backward(loss)
            del loss
        most = max(most, tracker.allocator.peak)
        if first:
            self._note("backward_peak")
        del out
        self._end("backward", start, first)
        if first:
            for made in self.kept:
                made.kind = made.kind or "activations"
            self.sizes["after_backward"] = tracker.allocator.allocated
            grads = [parameter.grad for parameter in trainable if parameter.grad is not None]
            self.sizes["gradients"] = tracker.mark(grads, "gradients")
        tracker.begin("step")
        start = tracker.operators
        if optimizer is not None:
            optimizer.step()
        self._end("step", start, first)
        most = max(most, tracker.allocator.peak)
        if first:
            self._note("step_peak")
            self.sizes["after_step"] = tracker.allocator.allocated
            state = [tensor for _, tensor in flatten_all(list(optimizer.state.values()))] if optimizer else []
            self.sizes["optimizer"] = tracker.mark(state, "optimizer")
        return most

    def _forward(self) -> Any:
        dtype = self.training.autocast
        try:
            with torch.autocast("cpu", dtype=dtype) if dtype is not None else nullcontext():
                return self.model(*self.args, **self.kwargs)
        except Exception as raised:
            raise RunError(f"forward raised {describe(raised)}", _WHERE) from raised

    def _end(self, phase: Phase, start: int, first: bool) -> None:
        if first:
            self.marks.append((phase, start))

    def _note(self, name: str) -> None:
        tracker = self.tracker
        top = tracker.top
        self.sizes[name] = tracker.allocator.peak
        op = top.call.op or top.op
        self.peaks.append(Peak(tracker.phase, op, top.call.module or None, self._line(top.call.source), tracker.allocator.peak))

    def _line(self, source: SourceRef) -> Source | None:
        return self.sources.source(source)

    # -- the report

    def report(self, target: str, execution: Literal["weightless", "real"], notes: tuple[str, ...]) -> MemoryReport:
        dtype = next((str(p.dtype).removeprefix("torch.") for p in self.model.parameters()), None)
        return MemoryReport(
            target=target,
            optimizer=self.training.optimizer,
            dtype=dtype,
            execution=execution,
            bytes=MemoryBytes(**self.sizes),
            peaks=tuple(self.peaks),
            kept=tuple(self._kept_by_line()),
            by_module=self._kept_by_module(),
            timeline=tuple(self._timeline()),
            batch=self.batch,
            notes=notes,
        )

    def _kept_by_line(self) -> list[Kept]:
        lines: dict[Source | None, list[Allocation]] = {}
        for made in self.kept:
            lines.setdefault(self._line(made.call.source), []).append(made)
        kept = [
            Kept(
                line,
                tuple(dict.fromkeys(made.call.op for made in group)),
                tuple(dict.fromkeys(made.call.module for made in group)),
                sum(made.nbytes for made in group),
            )
            for line, group in lines.items()
        ]
        return sorted(kept, key=lambda found: -found.bytes)[:_MOST_KEPT]

    def _kept_by_module(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for made in self.kept:
            path = made.call.module
            parts = path.split(".") if path else []
            for depth in range(len(parts) + 1):
                above = ".".join(parts[:depth])
                sizes[above] = sizes.get(above, 0) + made.nbytes
        return sizes

    def _timeline(self) -> Iterator[Moment]:
        """The first training step, thinned out to the largest moment of each stretch."""
        changes: dict[int, dict[Kind, int]] = {}
        for made in self.step_allocations:
            kind: Kind = made.kind or "temporaries"
            born = changes.setdefault(made.start, {})
            born[kind] = born.get(kind, 0) + made.nbytes
            if made.stop is not None:
                died = changes.setdefault(made.stop + 1, {})
                died[kind] = died.get(kind, 0) - made.nbytes
        totals: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        begin = self.marks[0][1]
        moments: list[tuple[int, dict[Kind, int]]] = []
        for number in sorted(changes):
            for kind, size in changes[number].items():
                totals[kind] += size
            if number >= begin:
                moments.append((number, dict(totals)))
        stretch = max(1, -(-len(moments) // _MOMENTS))
        for index in range(0, len(moments), stretch):
            number, largest = max(moments[index : index + stretch], key=lambda moment: sum(moment[1].values()))
            yield Moment(self._phase_at(number), largest)

    def _phase_at(self, number: int) -> Phase:
        return [phase for phase, start in self.marks if start <= number][-1]


def _backward(loss: Tensor) -> None:
    try:
        loss.backward()
    except Exception as raised:
        raise RunError(f"backward raised {describe(raised)}", "Train the model for one step to see where.") from raised


def _first(out: Any) -> Tensor:
    """The first tensor of an output."""
    for _, tensor in flatten_all(out):
        if tensor.is_floating_point() or tensor.is_complex():
            return tensor
    raise RunError(
        "the model returns no floating-point tensor to train on", "Give a model whose output can be summed to a loss."
    )


@contextmanager
def _checkpointed(model: nn.Module, globs: Sequence[str], workspace: Workspace) -> Iterator[None]:
    """Inside, modules whose path matches recompute their activations in backward.

    Backward is a call of torch's API itself, during which no function mode is active: recomputing enters its own.
    """
    patterns = [re.compile(re.escape(glob).replace(r"\*", "[^.]*")) for glob in globs]  # a star stands for one level
    chosen = [module for path, module in model.named_modules() if any(pattern.fullmatch(path) for pattern in patterns)]
    if globs and not chosen:
        raise RunError(f"no module's path matches {', '.join(globs)}", "Paths are those that `modinspect show` prints.")

    def recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if not torch.is_grad_enabled():
                return forward(*args, **kwargs)
            contexts = (nullcontext(), CudaKernels(workspace))
            return checkpoint(forward, *args, use_reentrant=False, context_fn=lambda: contexts, **kwargs)

        return run

    for module in chosen:
        module.forward = recomputed(module.forward)
    try:
        yield
    finally:
        for module in chosen:
            del module.forward
