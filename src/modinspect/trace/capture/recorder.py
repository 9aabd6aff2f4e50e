"""The recorder: what runs during a forward, as it runs.

A function mode sees each call of torch's Python API once, at the user's level. A dispatch mode below it sees the ATen operators
that the call became. Calls of modules keep a stack of the modules that are running.

What a function becomes depends on the function, on the metadata of its tensors and on its other arguments. The first call of
each such combination is looked at closely. Its repetitions run past the dispatch mode, so that a net of many equal blocks
runs almost at its own speed.
"""

from __future__ import annotations

import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modinspect.report import OtherValue
from modinspect.trace._torch import (
    MAKE_DUAL,
    PYTHON_KEY,
    PYTHON_SNAPSHOT_KEY,
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    are_transforms_active,
    dispatch_functionals_to,
    dispatch_mode_count,
    exclude_key,
    function_calls_through,
    is_key_excluded,
    module_calls_through,
    on_new_parameter,
    pop_dispatch_mode,
    push_dispatch_mode,
    without_dispatch_modes,
)
from modinspect.trace.capture import names
from modinspect.trace.capture.aten import AtenCapture, AtenMode, count
from modinspect.trace.capture.call_cache import NOT_AN_OP, CallCache
from modinspect.trace.capture.classify import aliased, kind_of, literals, operands_of
from modinspect.trace.capture.module_calls import CALL_CODE, ModuleCalls
from modinspect.trace.capture.provenance import UNRESOLVED, Provenance
from modinspect.trace.capture.records import (
    CallRecord,
    CallSignature,
    Failure,
    GraphInput,
    ModuleFrame,
    ModuleRecord,
    OpRecord,
    Origin,
    Recording,
)
from modinspect.trace.capture.sources import CALL, EDGE, SETTING_UP, SourceRef, Sources
from modinspect.trace.model import PLAIN, Layers, Registry, TensorMetaTable, flatten, flatten_all, other_values, shape_of
from modinspect.trace.restore import Preserved
from modinspect.usercode import said

_ATEN = torch.ops.aten
_get_frame = sys._getframe
_ref = weakref.ref

_MARKS = frozenset({_ATEN._conj.default, _ATEN._neg_view.default})
"""They only mark a tensor as conjugated or negated, as ``torch._make_dual`` marks it as one with a tangent. What is computed
later depends on the mark, which is not part of the metadata."""


_OUT_OF_RANGE = re.compile(r"out of (range|bounds)")
_INDEX_DTYPES = frozenset({torch.int32, torch.int64})


class Recorder(TorchFunctionMode):
    """Records one forward of ``registry``'s model.

    Args:
        registry: what the model registers.
        preserved: told of each write before it happens.
        metas: numbers the metadata of tensors.
        layers: tells layers from other modules.
        plain: further tensor types that are fully described by their metadata.
        progress: called with (path, calls begun so far) when the call of a module begins.
    """

    def __init__(
        self,
        registry: Registry,
        preserved: Preserved,
        metas: TensorMetaTable,
        layers: Layers,
        *,
        plain: frozenset[type] = frozenset(),
        progress: Callable[[str, int], None] | None = None,
    ) -> None:
        super().__init__()
        self.registry = registry
        self.sources = Sources()
        self.ops: list[tuple[Any, ...]] = []
        """Each as long as an :class:`OpRecord`, which they become when the run is over."""
        self.failure: Failure | None = None
        self.kept: frozenset[int] | None = None
        self.items: int | None = None
        """How many items were taken from a ``forward`` that is a generator."""
        self._other_outputs: tuple[OtherValue, ...] = ()
        self._stack: list[ModuleFrame] = []
        self._preserved = preserved
        self._plain = PLAIN | plain
        self.provenance = Provenance(registry, preserved, metas, self.sources, self._stack, self._plain)
        self.modules = ModuleCalls(registry, preserved, layers, self.provenance, self.sources, self._stack, progress)
        self._number_of, self._described = metas.number, metas.described
        self._capture: AtenCapture | None = None
        self._thread = 0
        self._modes = 0
        self._aten = AtenMode(self)
        # for the way of known calls, where each look into another object counts
        cache = CallCache(self.provenance, self._plain)
        self._find_signature, self._signatures = cache.find, cache.signatures
        self._entries = self.provenance.entries

    def add_input(self, tensor: Tensor, text: str) -> None:
        """Makes ``tensor`` an input, unless it is a parameter or buffer of the model."""
        if self.provenance.origin(tensor) is None:
            self.provenance.add_graph_input(tensor, GraphInput("input", text))
        self._preserved.add_tensor(tensor)

    # -- the run

    @contextmanager
    def recording(self, root: nn.Module, edge: CodeType) -> Iterator[None]:
        """Records what runs inside; ``edge`` is the code that calls the model."""
        self.sources.mark(edge, EDGE)
        self.sources.mark(CALL_CODE, CALL)
        self._thread = threading.get_ident()
        with ExitStack() as stack:
            stack.callback(delattr, self, "_aten")  # they refer to each other and would wait for the garbage collector
            stack.enter_context(function_calls_through(self._apply))
            stack.enter_context(dispatch_functionals_to(self))
            stack.callback(self.modules.detach_wrappers)
            stack.enter_context(module_calls_through(partial(self.modules.wrap, self.ops)))
            stack.enter_context(on_new_parameter(self.provenance.note_parameter))
            self.modules.enter_root(root)
            stack.callback(self._end_root)
            stack.enter_context(self._aten)
            self._modes = dispatch_mode_count()
            stack.enter_context(self._dispatch_restored())
            stack.enter_context(self)
            yield

    @contextmanager
    def _dispatch_restored(self) -> Iterator[None]:
        """Repairs what :meth:`_run_known` leaves behind if it is interrupted between two steps, by a signal for instance."""
        excluded = [(key, is_key_excluded(key)) for key in (PYTHON_KEY, PYTHON_SNAPSHOT_KEY)]
        try:
            yield
        finally:
            for key, before in excluded:
                exclude_key(key, before)
            if dispatch_mode_count() == self._modes - 1:
                push_dispatch_mode(self._aten)

    def _end_root(self) -> None:
        self.modules.update_root(stop=len(self.ops))

    def finish(self, result: Any) -> None:
        """Notes what the root returned."""
        made = self.provenance.origin_or_made
        with DisableTorchFunction():
            outputs = [(path, shape_of(t), t.dtype, made(t)) for path, t in flatten_all(result)]
            self._other_outputs = tuple(other_values(result))
        self.modules.update_root(outputs=outputs)
        self.kept = self.provenance.living_ops()

    def path_of_call(self, index: int) -> str:
        """The path of the module whose call has this index."""
        record: ModuleRecord = self.modules.calls[index][0]
        return record.path

    def recorded(self) -> Recording:
        """What was recorded, without what only the run needed."""
        self.sources.settle()
        ops, calls = list(map(OpRecord._make, self.ops)), list(map(CallRecord._make, self.modules.calls))
        found = self.provenance
        return Recording(
            ops,
            calls,
            found.graph_inputs,
            found.unregistered_uses,
            self.modules.unregistered,
            self.kept,
            self.sources,
            self._other_outputs,
        )

    # -- calls of torch's Python API

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in names.SILENT:
            if func in names.SETS_FLAGS:
                self.provenance.forget_meta(args[0])
            return func(*args, **kwargs) if kwargs else func(*args)
        tensors: list[Tensor] = []
        origins: list[Origin] = []
        key, signature = self._find_signature(func, args, kwargs, tensors, origins)
        if signature is None:
            return self._look_closely(func, args, kwargs or {}, key)
        if signature is NOT_AN_OP:
            return func(*args, **kwargs) if kwargs else func(*args)
        running = self._stack[-1]
        source = self.sources.find(_get_frame(1), running.source)
        if UNRESOLVED in origins:
            origins = list(map(self.provenance.resolved_origin, tensors))
        mutates = signature.mutates
        for position in mutates:
            self._preserved.before_write(tensors[position])
        if dispatch_mode_count() != self._modes:  # the model has pushed a mode of its own on top
            return self._look_closely(func, args, kwargs or {}, None)
        try:
            out = self._run_known(signature, func, args, kwargs)
        except BaseException as error:
            self._note_failure(error, OpRecord(func, signature, running.call, origins, [], source), tensors)
            raise
        if source[SETTING_UP]:
            return out
        index = len(self.ops)
        meta = signature.meta
        if meta is None or type(out) not in self._plain:
            outputs: Any = self.provenance.claim_outputs(out, tensors, index)
        else:
            outputs = self._described[meta]
            self._entries[id(out)] = (_ref(out), index, meta)
        if mutates:
            self.provenance.claim_mutated([tensors[position] for position in mutates], index)
        self.ops.append((func, signature, running.call, origins, outputs, source))
        return out

    def _run_known(self, signature: CallSignature, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002 - overrides need it
        """Runs ``func`` past the dispatch mode, as its signature already tells which operators run.

        If the recorder's is the only dispatch mode, its keys are excluded: a pop and a push take four times as long.
        """
        if self._modes == 1:
            try:
                exclude_key(PYTHON_KEY, True)
                exclude_key(PYTHON_SNAPSHOT_KEY, True)
                return func(*args, **kwargs) if kwargs else func(*args)
            finally:
                exclude_key(PYTHON_SNAPSHOT_KEY, False)
                exclude_key(PYTHON_KEY, False)
        mode = pop_dispatch_mode(None)
        try:
            return func(*args, **kwargs) if kwargs else func(*args)
        finally:
            push_dispatch_mode(mode)

    def _look_closely(
        self, func: Any, args: Any, kwargs: dict[str, Any], key: tuple[Any, ...] | None, run: Callable[..., Any] | None = None
    ) -> Any:
        """Runs ``func``, or ``run`` in its place, under the dispatch mode, to learn what it becomes."""
        source = self._find_source(_get_frame(2))
        with DisableTorchFunctionSubclass():
            record, tensors = self._begin(func, args, kwargs, source)
            if func in names.EXPOSES:
                for tensor in tensors:
                    self._preserved.before_write(tensor)
            elif func == names.SET_DATA:
                self._preserved.before_set_data(args[0])
                self.provenance.forget_meta(args[0])
        capture = AtenCapture(len(self.ops), transformed=are_transforms_active())
        try:
            with self._capturing(capture):
                out = (run or func)(*args, **kwargs)
        except BaseException as error:
            self._note_failure(error, record, tensors)
            raise
        if not source[SETTING_UP]:
            with DisableTorchFunctionSubclass():
                self._learn(record, capture, tensors, out, key)
        return out

    def _learn(
        self, record: OpRecord, capture: AtenCapture, tensors: list[Tensor], out: Any, key: tuple[Any, ...] | None
    ) -> None:
        """Adds an op that ran, and its signature to the cache if the next such call will become the same."""
        func, signature = record.func, record.signature
        capture.write_to(signature, func, tensors)
        if func == MAKE_DUAL:
            self.provenance.has_marked = True
        kind = kind_of(func, tensors, [tensor for _, tensor in flatten(out)], signature.mutates, capture.funcs)
        if key is not None and self._is_repeatable(func, signature, capture, tensors):
            self._signatures[key] = NOT_AN_OP if kind is None else signature
            is_new = type(out) in self._plain and all(out is not tensor for tensor in tensors)  # not merely passed on
            if is_new and out.layout is torch.strided:
                signature.meta = self._number_of(out)
        if kind is not None:
            signature.kind = kind
            self._end(record, out, tensors)

    def _is_repeatable(self, func: Any, signature: CallSignature, capture: AtenCapture, tensors: list[Tensor]) -> bool:
        """Whether the next call with the same key will become the same operators."""
        if not names.is_torchs(func) or func in names.UNIQUE or not capture.all_torchs or capture.by_values:
            return False
        if signature.mutates and aliased(tensors):
            return False
        return dispatch_mode_count() == self._modes  # otherwise a mode of the model's takes part

    def _find_source(self, frame: FrameType | None) -> SourceRef:
        return self.sources.find(frame, self._stack[-1].source)

    def _begin(self, func: Any, args: Any, kwargs: dict[str, Any], source: SourceRef) -> tuple[OpRecord, list[Tensor]]:
        """The record of an op that is about to run, and its operands."""
        operands = list(operands_of(args, kwargs))
        tensors = [tensor for _, tensor in operands]
        signature = CallSignature(
            tuple((path, shape_of(tensor), tensor.dtype, self._device_of(tensor)) for path, tensor in operands),
            arguments=literals(args, kwargs),
        )
        origins = list(map(self.provenance.resolved_origin, tensors))
        return OpRecord(func, signature, self._stack[-1].call, origins, [], source), tensors

    def _device_of(self, tensor: Tensor) -> torch.device:
        """The device that the report gives for an operand."""
        return tensor.device

    def _end(self, record: OpRecord, out: Any, tensors: list[Tensor]) -> None:
        """Adds an op that ran."""
        index = len(self.ops)
        record.outputs.extend(self.provenance.claim_outputs(out, tensors, index))
        self.provenance.claim_mutated([tensors[position] for position in record.signature.mutates], index)
        self.ops.append(record)

    @contextmanager
    def _capturing(self, capture: AtenCapture) -> Iterator[None]:
        """The ATen operators that run inside belong to one op."""
        before, self._capture = self._capture, capture
        try:
            yield
        finally:
            self._capture = before

    def _note_failure(self, error: BaseException, record: OpRecord, tensors: list[Tensor]) -> None:
        trace = error.__traceback__
        if trace is None or not passes_op(trace.tb_next):  # otherwise an op inside has failed already
            self.failure = Failure(id(error), record, index_ranges=self._index_ranges(error, tensors))

    def _index_ranges(self, error: BaseException, tensors: list[Tensor]) -> dict[int, tuple[int, int]]:
        """The lowest and the highest index in each operand of integers, if the error is about an index out of range."""
        if not _OUT_OF_RANGE.search(said(error)):
            return {}
        ranges = {}
        with DisableTorchFunction(), without_dispatch_modes():
            for position, tensor in enumerate(tensors):
                values = None if tensor.dtype not in _INDEX_DTYPES else self._values_of(tensor)
                if values is not None and values.numel():
                    low, high = torch.aminmax(values)
                    ranges[position] = int(low), int(high)
        return ranges

    def _values_of(self, tensor: Tensor) -> Tensor | None:
        """The tensor itself if its values can be read: after a failed kernel they can't on a GPU."""
        return tensor if tensor.device.type == "cpu" else None

    # -- what the function mode does not see

    def _apply(self, original: Callable[..., Any], function: Any, args: Any, kwargs: Any) -> Any:
        """Runs an ``autograd.Function`` as an op; what it calls inside is recorded as ops of their own, too."""
        if threading.get_ident() != self._thread or function.__module__.startswith("torch."):
            return original(function, *args, **kwargs)
        with DisableTorchFunction():
            # not the class itself: one made in forward may hold tensors, and the record outlives the run
            record, tensors = self._begin(torch.autograd.Function, args, kwargs, self._find_source(_get_frame(2)))
        record.signature.name = f"{function.__module__}.{function.__qualname__}.apply"
        index = len(self.ops)
        self.ops.append(record)
        capture = AtenCapture(index)
        try:
            with self._capturing(capture):
                out = original(function, *args, **kwargs)
        except BaseException as error:
            self._note_failure(error, record, tensors)
            raise
        with DisableTorchFunction():
            capture.write_to(record.signature, function, tensors)
            record.outputs.extend(self.provenance.claim_outputs(out, tensors, index))
        return out

    def on_operator(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, written: list[Tensor]) -> None:
        """An ATen operator ran. Outside of any op it becomes one itself: a scripted module's or a C++ extension's."""
        flops, estimate = count(func, args, kwargs, out)
        if func in _MARKS:
            self.provenance.has_marked = True
        if self._capture is not None:
            self._capture.add(func, flops, estimate, written)
            if self._capture.transformed:
                self.provenance.claim_storage(out, self._capture.index)
            return
        source = self._find_source(_get_frame(2))
        if source[SETTING_UP]:
            return
        record, tensors = self._begin(func, () if func is _ATEN.lift_fresh.default else args, kwargs, source)
        capture = AtenCapture(len(self.ops))
        capture.add(func, flops, estimate, written)
        signature = record.signature
        capture.write_to(signature, func, tensors)
        signature.kind = (
            kind_of(func, tensors, [tensor for _, tensor in flatten(out)], signature.mutates, capture.funcs) or "read"
        )
        self._end(record, out, tensors)

    def on_operator_error(self, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """An ATen operator raised. What called it may raise another exception that hides why, as scripted code does."""
        if self._capture is None:
            record, _ = self._begin(func, args, kwargs, self._find_source(_get_frame(2)))
            self.failure = Failure(id(error), record, operator_message=str(error))

    def before_write(self, tensor: Tensor) -> None:
        """Something is about to write to ``tensor``."""
        self._preserved.before_write(tensor)


def passes_op(trace: TracebackType | None) -> bool:
    """Whether an exception with this traceback came out of an op."""
    while trace is not None:
        if trace.tb_frame.f_code in _OP_CODES:
            return True
        trace = trace.tb_next
    return False


_OP_CODES = frozenset(function.__code__ for function in (Recorder.__torch_function__, Recorder._look_closely, Recorder._apply))
