"""Follows storages from the op that allocates them to the moment when nothing refers to them any more."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from modinspect.memory import Kind, Phase
from modinspect.trace import (
    NOWHERE,
    SourceRef,
    Sources,
    TorchDispatchMode,
    current_autograd_node,
    flatten,
    public_name,
    storage_of,
)
from modinspect.training.allocator import Block, CachingAllocator
from modinspect.training.cuda_kernels import conv_workspace

_ATEN = torch.ops.aten
_CONVOLUTIONS = frozenset({_ATEN.convolution.default, _ATEN.convolution_backward.default})
_TAG = "modinspect.call"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of torch's API: its public name, the module that made it, and where in the code."""

    op: str
    module: str
    source: SourceRef


NO_CALL = Call("", "", NOWHERE)


@dataclass(slots=True)
class Allocation:
    """One storage. ``start`` and ``stop`` are numbers of operators; ``stop`` is ``None`` while it is alive."""

    block: Block
    nbytes: int
    start: int
    call: Call
    phase: Phase
    kind: Kind | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Top:
    """The largest moment since the peak was reset."""

    bytes: int
    op: str
    call: Call


class Tracker(TorchDispatchMode):
    """Keeps one :class:`Allocation` for each storage that an operator makes.

    ``allocations`` holds all that were made since :meth:`begin`, those that were there before among them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.allocator = CachingAllocator()
        self.allocations: list[Allocation] = []
        self.operators = 0
        self.phase: Phase = "inference"
        self.top = Top(0, "", NO_CALL)
        self.call = NO_CALL
        self._alive: dict[int, Allocation] = {}
        self._operator = ""

    def begin(self, phase: Phase) -> None:
        """Begins a phase, with a peak of its own."""
        self.phase = phase
        self.allocator.reset_peak()
        self.top = Top(self.allocator.allocated, "", NO_CALL)

    def forget_the_dead(self) -> None:
        """Drops what was freed already."""
        self.allocations = list(self._alive.values())

    def of(self, tensor: Tensor) -> Allocation | None:
        """The allocation that holds ``tensor``."""
        return self._alive.get(storage_of(tensor) or 0)

    def mark(self, tensors: Iterable[Tensor], kind: Kind) -> int:
        """Says what tensors are for; gives the bytes that they take together."""
        total = 0
        for tensor in tensors:
            found = self.of(tensor) or self.add(tensor)
            if found is not None and found.kind is None:
                found.kind = kind
                total += found.nbytes
        return total

    def add(self, tensor: Tensor) -> Allocation | None:
        """Takes note of a tensor's storage; ``None`` where it is known or empty."""
        key = storage_of(tensor)
        if key is None or key in self._alive or not (storage := tensor.untyped_storage()).nbytes():
            return None
        block = self.allocator.allocate(storage.nbytes())
        made = Allocation(block, block.size, self.operators, self.call, self.phase)
        self._alive[key] = made
        self.allocations.append(made)
        weakref.finalize(storage, self._free, key)
        self._note_peak()
        return made

    def workspace(self, nbytes: int) -> None:
        """A kernel allocates ``nbytes`` and frees them before it ends."""
        if nbytes:
            self.allocator.release(self.allocator.allocate(nbytes))
            self._note_peak()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += 1
        self._operator = str(func)
        if self.phase == "backward":
            node = current_autograd_node()
            self.call = NO_CALL if node is None else node.metadata.get(_TAG, NO_CALL)
        out = func(*args, **(kwargs or {}))
        for _, tensor in flatten(out):
            self.add(tensor)
        if func in _CONVOLUTIONS:
            self._convolution(func, args, out)
        return out

    def _convolution(self, func: Any, args: Any, out: Any) -> None:
        if func is _ATEN.convolution.default:
            self.workspace(conv_workspace(args[0], args[1], out, args[8], backward=False))
        else:
            self.workspace(conv_workspace(args[1], args[2], args[0], args[9], backward=True))

    def _note_peak(self) -> None:
        if self.allocator.peak > self.top.bytes:
            self.top = Top(self.allocator.peak, self._operator, self.call)

    def _free(self, key: int) -> None:
        allocation = self._alive.pop(key, None)
        if allocation is not None:
            allocation.stop = self.operators
            self.allocator.release(allocation.block)


class CallMode(TorchFunctionMode):
    """Tells a tracker which call of torch's API is running, and notes it on the autograd nodes that the call makes.

    Args:
        tracker: told of each call.
        sources: finds the line of a call.
        paths: the paths of the model's modules, by id.
    """

    def __init__(self, tracker: Tracker, sources: Sources, paths: dict[int, str]) -> None:
        super().__init__()
        self._tracker = tracker
        self._sources = sources
        self._paths = paths
        self._modules = [""]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tracker = self._tracker
        if tracker.phase in ("backward", "step"):
            return func(*args, **(kwargs or {}))
        tracker.call = call = Call(public_name(func), self._modules[-1], self._sources.find(sys._getframe(1)))
        out = func(*args, **(kwargs or {}))
        for _, tensor in flatten(out):
            if tensor.grad_fn is not None:
                _tag(tensor.grad_fn, call)
        return out

    @contextmanager
    def watching_modules(self) -> Iterator[None]:
        """Inside, it is known which module runs."""

        def enter(module: nn.Module, _args: Any) -> None:
            self._modules.append(self._paths.get(id(module), self._modules[-1]))

        def leave(_module: nn.Module, _args: Any, _out: Any) -> None:
            self._modules.pop()

        hooks = (register_module_forward_pre_hook(enter), register_module_forward_hook(leave, always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            self._modules = [""]


def _tag(node: Any, call: Call) -> None:
    """Notes ``call`` on a node and on those below it that have no note yet."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node is None or _TAG in node.metadata:
            continue
        node.metadata[_TAG] = call
        waiting += [below for below, _ in node.next_functions]
