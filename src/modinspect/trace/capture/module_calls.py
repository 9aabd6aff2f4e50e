"""Calls of modules: which are running, what each call got and returned, and which modules nobody registered."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType, FrameType
from typing import Any

from torch import Tensor, nn

from modinspect.trace.capture.provenance import Provenance
from modinspect.trace.capture.records import CallRecord, GraphInput, ModuleFrame, ModuleRecord, TensorRef, UnregisteredUse
from modinspect.trace.capture.sources import NOWHERE, Sources
from modinspect.trace.model import Layers, Registry, join, mode_of, unregistered_info, walk
from modinspect.trace.restore import Preserved

_get_frame = sys._getframe
_get_ident = threading.get_ident
_module_frame = partial(tuple.__new__, ModuleFrame)


class ModuleCalls:
    """Records the calls of modules in one thread.

    Args:
        registry: what the model registers.
        preserved: saves what unregistered modules and other threads may write to.
        layers: tells layers from other modules.
        provenance: gets the parameters of modules that turn up during the run.
        sources: finds lines of code.
        stack: the modules that are running, innermost last; there is always one.
        progress: called with (path, calls begun so far) when a call begins.
    """

    def __init__(
        self,
        registry: Registry,
        preserved: Preserved,
        layers: Layers,
        provenance: Provenance,
        sources: Sources,
        stack: list[ModuleFrame],
        progress: Callable[[str, int], None] | None,
    ) -> None:
        self.calls: list[tuple[Any, ...]] = []
        """Each as long as a :class:`CallRecord`, which they become when the run is over: a named tuple takes longer to make."""
        self.unregistered: list[ModuleRecord] = []
        self.other_thread_modules: dict[str, None] = {}
        self._registry = registry
        self._preserved = preserved
        self._layers = layers
        self._provenance = provenance
        self._sources = sources
        self._stack = stack
        self._progress = progress
        self._name_counts: dict[str, int] = {}
        self._detach: list[Callable[[], None]] = []
        self._records: dict[int, ModuleRecord] = {}
        for path, module in registry.modules.items():
            self._add_record(path, module, None)

    # -- the root

    def enter_root(self, root: nn.Module) -> None:
        """Makes the root the owner of whatever runs outside of other modules.

        It is entered before its ``__call__`` runs, as a model may have a ``__call__`` of its own that never calls
        ``nn.Module.__call__``.
        """
        record = self._record_of(root) or self._add_record("", root, None)
        record.calls = 1
        self._stack.append(ModuleFrame(0, record, root, record.layer, NOWHERE, record.opaque))
        self.calls.append(CallRecord(record, 0, None, 0, 0, mode_of(root), record.layer, NOWHERE, (), ()))

    def update_root(self, **fields: Any) -> None:
        """Replaces fields of the root's call."""
        self.calls[0] = CallRecord._make(self.calls[0])._replace(**fields)

    # -- modules that turn up during the run

    def _record_of(self, module: nn.Module) -> ModuleRecord | None:
        record = self._records.get(id(module))
        return record if record is not None and record.module() is module else None

    def _add_record(self, path: str, module: nn.Module, unregistered_index: int | None) -> ModuleRecord:
        layers = self._layers
        record = ModuleRecord(path, weakref.ref(module), layers.is_layer(module), layers.is_opaque(module), unregistered_index)
        self._records[id(module)] = record
        return record

    def note_other_thread_call(self, module: nn.Module) -> None:
        """A module runs in another thread, whose ops can't be recorded: saves what it may write to, for a note."""
        record = self._record_of(module)
        if record is None:
            return  # not one of this model's
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None and not nn.parameter.is_lazy(tensor):
                self._preserved.before_write(tensor)
        self.other_thread_modules.setdefault(record.path or type(module).__name__)

    def register_new_module(self, module: nn.Module) -> ModuleRecord:
        """Makes a record for a module that was not registered at the start and that runs for the first time."""
        for path, registered in walk(self._stack[0].module):
            if registered is module:
                return self._add_registered_meanwhile(path, module)
        frame = _get_frame(2)
        owner = self._provenance.owners.find(module, frame)
        name, role = owner or (f"<{type(module).__name__}>", "forward")
        name = self._unique(name)
        uses = self._provenance.unregistered_uses
        index = len(uses)
        new = [(join(name, path) if path else name, child) for path, child in walk(module) if self._record_of(child) is None]
        borrowed = {id(tensor) for _, child in new for *_, tensor in _own_tensors(child) if self._is_borrowed(tensor)}
        for path, child in new:
            if self._record_of(child) is None:  # it may be there under two paths
                self._add_unregistered(path, child, index, borrowed, is_new=role == "forward")
        record = self._records[id(module)]
        params = record.info.params if record.info is not None else 0
        source, caller = self._sources.find(frame), self._stack[-1].record.path
        uses.append(UnregisteredUse("module", name, role, type(module).__name__, caller, source, params))
        return record

    def _is_borrowed(self, tensor: Tensor) -> bool:
        """Whether a tensor in an unregistered module belongs elsewhere: ``functional_call`` put it there, or it is tied."""
        origin = self._provenance.unwrapped_origin(tensor)
        if origin is None:
            return False
        return origin < 0 or not isinstance(tensor, nn.Parameter)  # a module made in forward owns parameters made by ops

    def _add_unregistered(self, path: str, module: nn.Module, index: int, borrowed: set[int], *, is_new: bool) -> None:
        record = self._add_record(path, module, index)
        self.unregistered.append(record)
        record.info = unregistered_info(path, module, self._layers, borrowed)
        if not is_new:  # a module made in this forward has no earlier state to restore
            self._preserved.add_module(module)
        for kind, name, tensor in _own_tensors(module):
            if id(tensor) not in borrowed:
                self._provenance.add_graph_input(tensor, GraphInput("unregistered", f"{kind}:{join(path, name)}", index))

    def _add_registered_meanwhile(self, path: str, module: nn.Module) -> ModuleRecord:
        """Makes records for a module that ``forward`` itself has registered, and for those below it."""
        self._provenance.model_changed = True
        for below, child in walk(module):
            if self._record_of(child) is None:
                whole = join(path, below) if below else path
                self._add_record(whole, child, None)
                for kind, name, tensor in _own_tensors(child):
                    self._provenance.add_graph_input(tensor, GraphInput(kind, f"{kind}:{join(whole, name)}"))
        return self._records[id(module)]

    def _unique(self, name: str) -> str:
        count = self._name_counts[name] = self._name_counts.get(name, int(name in self._registry.modules)) + 1
        return name if count == 1 else f"{name}#{count}"

    # -- calls

    def detach_wrappers(self) -> None:
        """References to a wrapper that outlive the run call the original directly and keep nothing else alive."""
        for detach in self._detach:
            detach()
        self._detach.clear()

    def wrap(self, ops: list[Any], original: Callable[..., Any]) -> Callable[..., Any]:  # noqa: PLR0915 - one closure
        """The function that replaces ``nn.Module.__call__`` in this thread.

        Whatever runs until it returns, the module's hooks included, belongs to the module or to one below it.
        """
        owner: Any = self
        thread, stack, calls, records = _get_ident(), self._stack, self.calls, self._records
        find_source, tensor_refs, progress = self._sources.find, self._provenance.tensor_refs, self._progress
        # enter_root() has begun the root's first call, and whatever the root's own __call__ does belongs to it
        root_waits = True

        def detach() -> None:
            nonlocal owner, thread, stack, calls, ops, records, find_source, tensor_refs, progress
            thread = 0
            owner = stack = calls = ops = records = find_source = tensor_refs = progress = None  # type: ignore[assignment]

        self._detach.append(detach)

        def call(module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
            nonlocal root_waits
            if _get_ident() != thread:
                listener = owner  # another thread may end the run between the test and the call
                if listener is not None:
                    listener.note_other_thread_call(module)
                return original(module, *args, **kwargs)
            caller = stack[-1]
            source = find_source(_get_frame(1), caller.source)
            record = records.get(id(module))
            if record is None or record.module() is not module:
                record = owner.register_new_module(module)
            start, training = len(ops), mode_of(module)
            if root_waits and module is caller.module:
                root_waits = False
                index, number, parent, covered, start = 0, 0, None, caller.covered, 0
                stack[0] = caller._replace(source=source)
            else:
                index, number, parent = len(calls), record.calls, caller.call
                covered, opaque = record.layer and record.unregistered_index is None, record.opaque
                if caller.covered and caller.opaque:
                    covered = opaque = True
                record.calls = number + 1
                stack.append(_module_frame((index, record, module, covered, source, opaque)))
                calls.append((record, number, parent, start, start, training, covered, source, (), ()))
            depth = len(stack)
            inputs: Sequence[TensorRef] = ()
            outputs: Sequence[TensorRef] = ()
            try:
                if len(args) == 1 and not kwargs:
                    inputs = tensor_refs(args[0], "0")
                else:
                    inputs = [tensor for path, value in _by_path(args, kwargs) for tensor in tensor_refs(value, path)]
                if progress is not None:
                    progress(record.path, len(calls))
                out = original(module, *args, **kwargs)
                outputs = tensor_refs(out, "")
            finally:
                calls[index] = (record, number, parent, start, len(ops), training, covered, source, inputs, outputs)
                if depth > 1:  # the root's frame stays: there is always an owner
                    del stack[depth - 1 :]
            return out

        return call


def _by_path(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    return [*((str(position), value) for position, value in enumerate(args)), *kwargs.items()]


def _own_tensors(module: nn.Module) -> list[tuple[str, str, Tensor]]:
    """(kind, name, tensor) of the parameters and buffers that the module itself has."""
    kinds = (("param", module._parameters), ("buffer", module._buffers))
    return [(kind, name, tensor) for kind, tensors in kinds for name, tensor in tensors.items() if tensor is not None]


CALL_CODE = next(code for code in ModuleCalls.wrap.__code__.co_consts if isinstance(code, CodeType) and code.co_name == "call")
"""The code of the function that replaces ``nn.Module.__call__``."""


def called_module(frame: FrameType) -> ModuleRecord | None:
    """The module that is called in ``frame``, if that is a frame of the replacement of ``nn.Module.__call__``."""
    record = frame.f_locals.get("record") if frame.f_code is CALL_CODE else None
    return record if isinstance(record, ModuleRecord) else None
