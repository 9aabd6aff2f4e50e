"""The recorder: what runs during a forward, as it runs.

A function mode sees each call of torch's Python API once, at the user's level; a dispatch mode below it sees the ATen operators
that the call became; calls of modules keep an ordered stack of the modules that are running.

What a function becomes depends on the function, on the shapes and kinds of its tensors and on its other arguments. The first
call of each such combination is looked at closely; for its repetitions the dispatch mode steps aside, so that a net of many
alike blocks runs almost at its own speed.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode

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
    is_autocasting,
    is_key_excluded,
    is_tracing,
    module_calls_through,
    on_new_parameter,
    pop_dispatch_mode,
    push_dispatch_mode,
)
from modinspect.trace.capture import names
from modinspect.trace.capture.aten import AtenCapture, AtenMode, count
from modinspect.trace.capture.classify import aliased, kind_of, literals, operands_of
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
    TensorRef,
    UnregisteredUse,
)
from modinspect.trace.capture.sources import CALL, EDGE, NOWHERE, Place, Sources
from modinspect.trace.capture.tensor_owners import Holders
from modinspect.trace.model import (
    PLAIN,
    Layers,
    Registry,
    TensorMetaTable,
    flatten,
    flatten_all,
    join,
    mode_of,
    shape_of,
    storage_of,
    unregistered_info,
    unwrapped,
    walk,
)
from modinspect.trace.restore import Preserved

_ATEN = torch.ops.aten
_get_frame = sys._getframe
_get_ident = threading.get_ident
_ref = weakref.ref
_grad_enabled = torch.is_grad_enabled
_inference = torch.is_inference_mode_enabled
_default_dtype = torch.get_default_dtype
_running = partial(tuple.__new__, ModuleFrame)

_ATOMS = frozenset(
    {int, float, bool, str, complex, type(None), type(...), torch.dtype, torch.device, torch.layout, torch.memory_format}
)

_MARKS = frozenset({_ATEN._conj.default, _ATEN._neg_view.default})
"""They only mark a tensor as conjugated or negated, as ``torch._make_dual`` marks it as one with a tangent. What is computed
later depends on the mark, which no metadata tells."""

_NO_OP = CallSignature()
_UNRESOLVED: Any = object()
"""Stands for the origin of a tensor that nobody has looked for yet."""

_Entry: TypeAlias = "tuple[weakref.ref[Tensor], Origin, int | None]"
"""(the tensor, where it comes from, the number of its metadata)."""


class _Uncachable(Exception):
    """An argument whose value can't be part of a key."""


class Recorder(TorchFunctionMode):
    """Records one forward of ``registry``'s model.

    Args:
        registry: what the model registers.
        preserved: told of each write before it happens.
        metas: numbers the metadata of tensors.
        layers: tells layers from other modules.
        plain: further tensor types whose metadata says all.
        progress: told which module begins, as (path, modules begun so far).
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
        self.sources = Sources()
        self.ops: list[tuple[Any, ...]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.found: list[UnregisteredUse] = []
        self.modules = {
            id(module): ModuleRecord(path, _ref(module), layers.is_layer(module), layers.is_opaque(module), None)
            for path, module in registry.modules.items()
        }
        self.unregistered: list[ModuleRecord] = []
        self.failure: Failure | None = None
        self.kept: frozenset[int] | None = None
        self.passed_by: dict[str, None] = {}
        self.grown = False
        self.registry = registry
        self._preserved = preserved
        self._layers = layers
        self._plain = PLAIN | plain
        self._progress = progress
        self._holders = Holders(registry)
        self._known: dict[tuple[Any, ...], CallSignature] = {}
        self._meta, self._shapes = metas.number, metas.shapes
        self._made_inside: dict[int, tuple[StorageWeakRef, int]] = {}
        self._made_of: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._stack: list[ModuleFrame] = []
        self._root_entered = False
        self._namesakes: dict[str, int] = {}
        self._ends: list[Callable[[], None]] = []
        self._sink: AtenCapture | None = None
        self._thread = 0
        self._modes = 0
        self._aten = AtenMode(self)
        state = [*registry.parameters.values(), *registry.buffers.values()]
        state_names = [registry.tensor_names[id(tensor)] for tensor in state]
        self.roots = [GraphInput(name.partition(":")[0], name) for name in state_names]
        self._entries: dict[int, _Entry] = {
            id(tensor): (_ref(tensor), -1 - place, registry.metas[id(tensor)]) for place, tensor in enumerate(state)
        }
        self._marked = any(_is_marked(tensor) for tensor in state)

    # -- what is there before the run

    def _record_of(self, module: nn.Module) -> ModuleRecord | None:
        """The record of a module that is known, ``None`` for one that nobody registered."""
        record = self.modules.get(id(module))
        return record if record is not None and record.module() is module else None

    def _add_module(self, path: str, module: nn.Module, place: int | None) -> ModuleRecord:
        layers = self._layers
        record = ModuleRecord(path, _ref(module), layers.is_layer(module), layers.is_opaque(module), place)
        self.modules[id(module)] = record
        return record

    def add_root(self, tensor: Tensor, root: GraphInput) -> int:
        """Makes ``tensor`` known by where it comes from."""
        self.roots.append(root)
        self._marked = self._marked or _is_marked(tensor)
        self.know(tensor, -len(self.roots))
        return -len(self.roots)

    def know(self, tensor: Tensor, origin: Origin) -> None:
        """Says where ``tensor`` comes from."""
        self._entries[id(tensor)] = (_ref(tensor), origin, None)

    def add_input(self, tensor: Tensor, text: str) -> None:
        """Makes ``tensor`` an input, unless it is a parameter or buffer of the model."""
        if self.origin(tensor) is None:
            self.add_root(tensor, GraphInput("input", text))
        self._preserved.add_tensor(tensor)

    def origin(self, tensor: Tensor) -> Origin:
        """Where ``tensor`` comes from as far as it is known."""
        entry = self._entries.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    # -- the run

    @contextmanager
    def recording(self, root: nn.Module, edge: CodeType) -> Iterator[None]:
        """Records what runs inside; ``edge`` is the code that calls the model."""
        self.sources.mark(edge, EDGE)
        self.sources.mark(_CALL_CODE, CALL)
        self._thread = threading.get_ident()
        with ExitStack() as stack:
            stack.callback(delattr, self, "_aten")  # each holds the other: what they hold would wait for the garbage collector
            stack.enter_context(function_calls_through(self._apply))
            stack.enter_context(dispatch_functionals_to(self))
            stack.callback(self._end_calls)
            stack.enter_context(module_calls_through(partial(_module_call, self)))
            stack.enter_context(on_new_parameter(self._pass_on))
            # there is always an owner: a model may have a __call__ of its own, which calls no nn.Module.__call__
            self._enter_root(root)
            stack.callback(self._end_root)
            stack.enter_context(self._aten)
            self._modes = dispatch_mode_count()
            stack.enter_context(self._known_calls_left())
            stack.enter_context(self)
            yield

    @contextmanager
    def _known_calls_left(self) -> Iterator[None]:
        """Leaves a call of :meth:`_run_known` that was interrupted between any two steps: by a signal, say."""
        excluded = [(key, is_key_excluded(key)) for key in (PYTHON_KEY, PYTHON_SNAPSHOT_KEY)]
        try:
            yield
        finally:
            for key, before in excluded:
                exclude_key(key, before)
            if dispatch_mode_count() == self._modes - 1:
                push_dispatch_mode(self._aten)

    def _end_calls(self) -> None:
        """Whoever has kept what stood in for ``nn.Module.__call__`` calls the original by it from now on, and keeps no more."""
        for end in self._ends:
            end()
        self._ends.clear()

    def _enter_root(self, root: nn.Module) -> None:
        record = self._record_of(root) or self._add_module("", root, None)
        record.calls = 1
        self._stack.append(ModuleFrame(0, record, root, record.layer, NOWHERE, record.opaque))
        self.calls.append(CallRecord(record, 0, None, 0, 0, mode_of(root), record.layer, NOWHERE, (), ()))

    def _end_root(self) -> None:
        self.calls[0] = CallRecord._make(self.calls[0])._replace(stop=len(self.ops))

    def finish(self, result: Any) -> None:
        """Notes what the root returned."""
        with DisableTorchFunction():
            outputs = [(path, shape_of(t), t.dtype, self._origin_or_made(t)) for path, t in flatten_all(result)]
        self.calls[0] = CallRecord._make(self.calls[0])._replace(outputs=outputs)
        self.kept = frozenset(
            [
                origin
                for alive, origin, _ in self._entries.values()
                if origin is not None and origin >= 0 and alive() is not None
            ]
        )

    def recorded(self) -> Recording:
        """What was recorded, without what only the run needed."""
        self.sources.settle()
        ops, calls = list(map(OpRecord._make, self.ops)), list(map(CallRecord._make, self.calls))
        return Recording(ops, calls, self.roots, self.found, self.unregistered, self.kept, self.sources)

    # -- modules

    def _pass_by(self, module: nn.Module) -> None:
        """A module runs in another thread, whose ops nobody sees: what it may write to is saved, and the report says so."""
        record = self._record_of(module)
        if record is None:
            return  # nothing of this model's
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None and not nn.parameter.is_lazy(tensor):
                self._preserved.before_write(tensor)
        self.passed_by.setdefault(record.path or type(module).__name__)

    def _meet(self, module: nn.Module) -> ModuleRecord:
        """A module that was not registered at the start runs for the first time."""
        for path, registered in walk(self._stack[0].module):
            if registered is module:
                return self._add_grown(path, module)
        frame = _get_frame(2)
        name, role = self._holders.find(module, frame, self.sources) or (f"<{type(module).__name__}>", "forward")
        name = self._unique(name)
        place = len(self.found)
        for path, child in walk(module):
            if self._record_of(child) is not None:
                continue
            whole = join(name, path) if path else name
            record = self._add_module(whole, child, place)
            self.unregistered.append(record)
            record.info = unregistered_info(whole, child, self._layers)
            if role != "forward":  # made in forward, it was not there before
                self._preserved.add_module(child)
            for kind, tensors in (("param", child._parameters), ("buffer", child._buffers)):
                for leaf, tensor in tensors.items():
                    origin = None if tensor is None else self.origin(tensor)
                    if tensor is not None and (origin is None or (kind == "param" and origin >= 0)):
                        self.add_root(tensor, GraphInput("unregistered", f"{kind}:{join(whole, leaf)}", place))
        record = self.modules[id(module)]
        size = record.info.params if record.info is not None else 0
        self.found.append(
            UnregisteredUse("module", name, role, type(module).__name__, self._path(), self.sources.find(frame), size)
        )
        return record

    def _add_grown(self, above: str, module: nn.Module) -> ModuleRecord:
        """A module that ``forward`` has registered itself."""
        self.grown = True
        for path, child in walk(module):
            if self._record_of(child) is not None:
                continue
            whole = join(above, path) if path else above
            self._add_module(whole, child, None)
            for kind, tensors in (("param", child._parameters), ("buffer", child._buffers)):
                for leaf, tensor in tensors.items():
                    if tensor is not None:
                        self.add_root(tensor, GraphInput(kind, f"{kind}:{join(whole, leaf)}"))
        return self.modules[id(module)]

    def _unique(self, name: str) -> str:
        number = self._namesakes[name] = self._namesakes.get(name, int(name in self.registry.modules)) + 1
        return name if number == 1 else f"{name}#{number}"

    def _path(self) -> str:
        return self._stack[-1].record.path

    def _seen(self, value: Any, path: str) -> list[TensorRef]:
        """The tensors in ``value``."""
        entry = self._entries.get(id(value))
        if entry is None or entry[0]() is not value:
            with DisableTorchFunction():
                return [(inside, shape_of(t), t.dtype, self._origin_or_made(t)) for inside, t in flatten(value, path)]
        shape, dtype = self._shapes[entry[2]] if entry[2] is not None else self._looked_at(entry)
        return [(path, shape, dtype, entry[1])]

    def _looked_at(self, entry: _Entry) -> tuple[Any, torch.dtype]:
        """Shape and dtype of a tensor that is known."""
        tensor = entry[0]()
        assert tensor is not None
        with DisableTorchFunction():
            if type(tensor) not in self._plain or tensor.layout is not torch.strided or tensor.is_nested:
                return shape_of(tensor), tensor.dtype
            meta = self._meta(tensor)
            self._entries[id(tensor)] = (entry[0], entry[1], meta)
            return self._shapes[meta]

    # -- ops

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in names.SILENT:
            if func in names.SETS_FLAGS:
                self._forget_meta(args[0])
            return func(*args, **kwargs) if kwargs else func(*args)
        tensors: list[Tensor] = []
        origins: list[Origin] = []
        special = self._marked or are_transforms_active() or is_autocasting() or is_tracing()
        key = None if special else self._key(func, args, kwargs, tensors, origins)
        known = self._known.get(key) if key is not None else None
        if known is None:
            return self._look_closely(func, args, kwargs or {}, key)
        if known is _NO_OP:
            return func(*args, **kwargs) if kwargs else func(*args)
        running = self._stack[-1]
        place = self.sources.find(_get_frame(1), running[4])
        if _UNRESOLVED in origins:
            origins = [self._origin_or_resolve(tensor) for tensor in tensors]
        mutates = known.mutates
        for position in mutates:
            self._preserved.before_write(tensors[position])
        if dispatch_mode_count() != self._modes:  # the model has pushed a mode of its own on top
            return self._look_closely(func, args, kwargs or {}, None)
        try:
            out = self._run_known(known, func, args, kwargs)
        except BaseException as error:
            self._fail(error, OpRecord(func, known, running.call, origins, [], place))
            raise
        if place[2]:  # a lazy module is being set up
            return out
        index = len(self.ops)
        meta = known.meta
        if meta is None or type(out) not in self._plain:
            outputs: Any = self._adopt(out, tensors, index)
        else:
            outputs = self._shapes[meta]
            self._entries[id(out)] = (_ref(out), index, meta)
        if mutates:
            self._mutated([tensors[position] for position in mutates], index)
        self.ops.append((func, known, running[0], origins, outputs, place))
        return out

    def _run_known(self, known: CallSignature, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002 - what overrides it needs it
        """Runs ``func`` without a look at its operators, which ``known`` knows.

        Where the recorder's is the only dispatch mode, its keys are left out: a pop and a push take four times as long.
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

    def _key(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor], origins: list[Origin]) -> tuple[Any, ...] | None:
        """All that decides what ``func`` becomes; ``None`` where that can't be said.

        Collects the operands in ``tensors``, and where they come from in ``origins``.
        """
        plain, entries = self._plain, self._entries
        # What is known of a tensor's metadata holds until it is written to, but that a write may make others require grad.
        grad = _grad_enabled()
        parts: list[Any] = [func, grad, _inference(), _default_dtype()]
        try:
            for value in (*args, *kwargs, *kwargs.values()) if kwargs else args:
                cls = type(value)
                if cls in plain:
                    entry = entries.get(id(value))
                    if entry is None or grad or entry[2] is None or entry[0]() is not value:
                        entry = self._entry(value)
                    tensors.append(value)
                    origins.append(entry[1])
                    parts.append(entry[2])
                elif cls in _ATOMS:
                    parts += (cls, value)
                else:
                    parts.append(self._key_part(value, tensors, origins))
            key = tuple(parts)
            hash(key)
        except (_Uncachable, TypeError, RuntimeError):  # the last two: an argument without hash, a tensor without strides
            return None
        return None if self._marked else key

    def _key_part(self, value: Any, tensors: list[Tensor], origins: list[Origin]) -> Any:
        cls = type(value)
        if cls in _ATOMS:
            return (cls, value)
        if cls in self._plain:
            entry = self._entry(value)
            tensors.append(value)
            origins.append(entry[1])
            return entry[2]
        if cls in (tuple, list, torch.Size):
            return (cls, *[self._key_part(item, tensors, origins) for item in value])
        if cls is slice and not any(isinstance(item, Tensor) for item in (value.start, value.stop, value.step)):
            return (cls, *[self._key_part(item, tensors, origins) for item in (value.start, value.stop, value.step)])
        raise _Uncachable

    def _entry(self, tensor: Tensor) -> _Entry:
        """What is known of ``tensor``, its metadata looked at anew."""
        known = self._entries.get(id(tensor))
        if known is None or known[0]() is not tensor or known[1] is None:
            return (_ref(tensor), _UNRESOLVED, self._meta(tensor))
        entry = self._entries[id(tensor)] = (known[0], known[1], self._meta(tensor))
        return entry

    def _forget_meta(self, tensor: Tensor) -> None:
        entry = self._entries.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            self._entries[id(tensor)] = (entry[0], entry[1], None)

    def _look_closely(
        self, func: Any, args: Any, kwargs: dict[str, Any], key: tuple[Any, ...] | None, run: Callable[..., Any] | None = None
    ) -> Any:
        """Runs ``func``, or ``run`` in its place, under the dispatch mode, to learn what it becomes."""
        place = self._place(_get_frame(2))
        with DisableTorchFunctionSubclass():
            record, tensors = self._begin(func, args, kwargs, place)
            if func in names.EXPOSES:
                for tensor in tensors:
                    self._preserved.before_write(tensor)
            elif func == names.SET_DATA:
                self._preserved.before_set_data(args[0])
                self._forget_meta(args[0])
        sink = AtenCapture(len(self.ops), transformed=are_transforms_active())
        try:
            with self._into(sink):
                out = (run or func)(*args, **kwargs)
        except BaseException as error:
            self._fail(error, record)
            raise
        if not place[2]:  # no lazy module is being set up
            with DisableTorchFunctionSubclass():
                self._learn(record, sink, tensors, out, key)
        return out

    def _learn(self, record: OpRecord, sink: AtenCapture, tensors: list[Tensor], out: Any, key: tuple[Any, ...] | None) -> None:
        """Adds an op that ran, and remembers what it became if the next one alike will become the same."""
        func, known = record.func, record.known
        sink.tell(known, func, tensors)
        self._marked = self._marked or func == MAKE_DUAL
        kind = kind_of(func, tensors, [tensor for _, tensor in flatten(out)], known.mutates, sink.funcs)
        decided = names.is_torchs(func) and sink.all_torchs and func not in names.UNIQUE and not sink.by_values
        decided = decided and not (known.mutates and aliased(tensors))
        if key is not None and decided and dispatch_mode_count() == self._modes:  # no mode of the model's takes part
            self._known[key] = _NO_OP if kind is None else known
            made = type(out) in self._plain and all(out is not tensor for tensor in tensors)  # not merely passed on
            if made and out.layout is torch.strided:
                known.meta = self._meta(out)
        if kind is not None:
            known.kind = kind
            self._end(record, out, tensors)

    def _place(self, frame: FrameType | None) -> Place:
        """The innermost frame outside torch, from ``frame`` outwards."""
        return self.sources.find(frame, self._stack[-1].place)

    def _begin(self, func: Any, args: Any, kwargs: dict[str, Any], place: Place) -> tuple[OpRecord, list[Tensor]]:
        """The record of an op that is about to run, and its operands."""
        places = list(operands_of(args, kwargs))
        tensors = [tensor for _, tensor in places]
        known = CallSignature(tuple((place, shape_of(t), t.dtype) for place, t in places), arguments=literals(args, kwargs))
        origins = [self._origin_or_resolve(tensor) for tensor in tensors]
        return OpRecord(func, known, self._stack[-1].call, origins, [], place), tensors

    def _end(self, record: OpRecord, out: Any, tensors: list[Tensor]) -> None:
        """Adds an op that ran."""
        index = len(self.ops)
        record.outputs.extend(self._adopt(out, tensors, index))
        self._mutated([tensors[position] for position in record.known.mutates], index)
        self.ops.append(record)

    @contextmanager
    def _into(self, sink: AtenCapture) -> Iterator[None]:
        """What ATen operators run inside belong to one op."""
        before, self._sink = self._sink, sink
        try:
            yield
        finally:
            self._sink = before

    def _adopt(self, out: Any, operands: list[Tensor], index: int) -> list[tuple[Any, Any]]:
        """Makes op ``index`` the origin of the tensors in ``out``, but of those that it merely passed on."""
        outputs = []
        passed_on = {id(tensor) for tensor in operands}
        for _, tensor in flatten(out):
            outputs.append((shape_of(tensor), tensor.dtype))
            if id(tensor) not in passed_on or self.origin(tensor) is None:
                self.know(tensor, index)
        return outputs

    def _mutated(self, tensors: list[Tensor], index: int) -> None:
        """From now on the value of ``tensors``, and of what they are views of, comes from op ``index``."""
        for tensor in tensors:
            for changed in (tensor, tensor._base):
                if changed is None:
                    continue
                origin = self.origin(changed)
                if origin is None or origin >= 0 or self.roots[-1 - origin].kind == "input":
                    self.know(changed, index)
                else:  # its metadata may be another
                    self.know(changed, origin)

    def _origin_or_resolve(self, tensor: Tensor) -> Origin:
        origin = self.origin(tensor)
        return origin if origin is not None else self._resolve(tensor)

    def _origin_or_made(self, tensor: Tensor) -> Origin:
        """Where a tensor comes from that may be another face of one that an op has made."""
        origin = self.origin(tensor)
        if origin is not None:
            return origin
        storage = storage_of(tensor)
        made = self._made_inside.get(storage) if storage is not None else None
        if made is not None and not made[0].expired():
            return made[1]
        made_of = self._made_of.get(id(tensor))
        if made_of is not None and made_of[0]() is tensor:
            self.know(tensor, made_of[1])
            return made_of[1]
        return None

    def _resolve(self, tensor: Tensor) -> Origin:
        """Where a tensor comes from that no op made and nothing registered at the start."""
        inner = unwrapped(tensor)
        if inner is not tensor:
            return self._origin_or_resolve(inner)
        for _, record, module, *_ in reversed(self._stack):
            for kind, registered in (("param", module._parameters), ("buffer", module._buffers)):
                for name, own in registered.items():
                    if own is tensor:  # put there meanwhile: by torch.func.functional_call, or as a new buffer
                        self.grown = True
                        whole = f"{kind}:{join(record.path, name)}"
                        return self.add_root(
                            tensor, GraphInput(kind if record.place is None else "unregistered", whole, record.place)
                        )
        made = self._origin_or_made(tensor)
        if made is not None:
            return made
        frame = _get_frame(2)
        held = self._holders.find(tensor, frame, self.sources)
        if held is None:
            return None
        place = self._place(frame)
        size = tensor.numel() if isinstance(tensor, nn.Parameter) else 0
        found = UnregisteredUse(
            "tensor", *held, type(tensor).__name__, self._path(), place, size, shape_of(tensor), tensor.dtype
        )
        self.found.append(found)
        self._preserved.add_tensor(tensor)
        return self.add_root(tensor, GraphInput("unregistered", found.name, len(self.found) - 1))

    def _fail(self, error: BaseException, record: OpRecord) -> None:
        trace = error.__traceback__
        if trace is None or not passes_op(trace.tb_next):  # otherwise an op inside has failed already
            self.failure = Failure(id(error), record)

    # -- what the function mode does not see

    def _apply(self, original: Callable[..., Any], function: Any, args: Any, kwargs: Any) -> Any:
        """Runs an ``autograd.Function`` as an op; what it calls inside is recorded as ops of their own, too."""
        if threading.get_ident() != self._thread or function.__module__.startswith("torch."):
            return original(function, *args, **kwargs)
        with DisableTorchFunction():
            # not the class itself: one that is made in forward may hold tensors, and the record is kept until it is read
            record, tensors = self._begin(torch.autograd.Function, args, kwargs, self._place(_get_frame(2)))
        record.known.name = f"{function.__module__}.{function.__qualname__}.apply"
        index = len(self.ops)
        self.ops.append(record)
        sink = AtenCapture(index)
        try:
            with self._into(sink):
                out = original(function, *args, **kwargs)
        except BaseException as error:
            self._fail(error, record)
            raise
        with DisableTorchFunction():
            sink.tell(record.known, function, tensors)
            record.outputs.extend(self._adopt(out, tensors, index))
        return out

    def _pass_on(self, made: Tensor, data: Tensor) -> None:
        """The parameter ``made`` has been made of ``data``."""
        with DisableTorchFunction():
            origin = self.origin(data)
            if origin is not None:
                self._made_of[id(made)] = (weakref.ref(made), origin)

    def see(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, written: list[Tensor]) -> None:
        """An ATen operator ran. Outside any op it is one of its own: a scripted module's, say, or a C++ extension's."""
        flops, estimate = count(func, args, kwargs, out)
        self._marked = self._marked or func in _MARKS
        if self._sink is not None:
            self._sink.add(func, flops, estimate, written)
            if self._sink.transformed:  # vmap gives out what its operators made without another call
                for _, tensor in flatten(out):
                    storage = storage_of(tensor)
                    if storage is not None:
                        self._made_inside[storage] = (StorageWeakRef(tensor.untyped_storage()), self._sink.index)
            return
        place = self._place(_get_frame(2))
        if place[2]:  # a lazy module is being set up
            return
        record, tensors = self._begin(func, () if func is _ATEN.lift_fresh.default else args, kwargs, place)
        sink = AtenCapture(len(self.ops))
        sink.add(func, flops, estimate, written)
        sink.tell(record.known, func, tensors)
        record.known.kind = (
            kind_of(func, tensors, [tensor for _, tensor in flatten(out)], record.known.mutates, sink.funcs) or "read"
        )
        self._end(record, out, tensors)

    def lose(self, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """An ATen operator raised. What called it may raise an error of its own that does not say why: scripted code does."""
        if self._sink is None:
            record, _ = self._begin(func, args, kwargs, self._place(_get_frame(2)))
            self.failure = Failure(id(error), record, lost=str(error))

    def before_write(self, tensor: Tensor) -> None:
        """Something is about to write to ``tensor``."""
        self._preserved.before_write(tensor)


def _is_marked(tensor: Tensor) -> bool:
    return tensor.dtype.is_complex and tensor.is_conj()


def passes_op(trace: TracebackType | None) -> bool:
    """Whether an exception with this traceback came out of an op."""
    while trace is not None:
        if trace.tb_frame.f_code in _OP_CODES:
            return True
        trace = trace.tb_next
    return False


_OP_CODES = frozenset(function.__code__ for function in (Recorder.__torch_function__, Recorder._look_closely, Recorder._apply))


def _module_call(recorder: Recorder, original: Callable[..., Any]) -> Callable[..., Any]:  # noqa: PLR0915 - one closure
    """What stands in for ``nn.Module.__call__``.

    Whatever runs until it returns, the module's hooks too, has the module as its owner or above its owner.
    """
    watcher: Any = recorder
    thread, stack, calls, ops, modules = recorder._thread, recorder._stack, recorder.calls, recorder.ops, recorder.modules
    find, seen, progress = recorder.sources.find, recorder._seen, recorder._progress
    # The record of the root's first call is there before it is called, and whatever its own __call__ does belongs to it.
    root_waits = True

    def end() -> None:
        nonlocal watcher, thread, stack, calls, ops, modules, find, seen, progress
        thread = 0  # no thread's
        watcher = stack = calls = ops = modules = find = seen = progress = None  # type: ignore[assignment]

    recorder._ends.append(end)
    del recorder

    def call(module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
        nonlocal root_waits
        if _get_ident() != thread:
            watching = watcher  # which another thread may end
            if watching is not None:
                watching._pass_by(module)
            return original(module, *args, **kwargs)
        above = stack[-1]
        place = find(_get_frame(1), above[4])
        record = modules.get(id(module))
        if record is None or record.module() is not module:
            record = watcher._meet(module)
        start, training = len(ops), mode_of(module)
        if root_waits and module is above[2]:
            root_waits = False
            index, number, parent, covered, start = 0, 0, None, above[3], 0
            stack[0] = above._replace(place=place)
        else:
            index, number, parent = len(calls), record.calls, above[0]
            covered, opaque = record.layer and record.place is None, record.opaque
            if above[3] and above[5]:
                covered = opaque = True
            record.calls = number + 1
            stack.append(_running((index, record, module, covered, place, opaque)))
            calls.append((record, number, parent, start, start, training, covered, place, (), ()))
        depth = len(stack)
        inputs: Sequence[TensorRef] = ()
        outputs: Sequence[TensorRef] = ()
        try:
            if len(args) == 1 and not kwargs:
                inputs = seen(args[0], "0")
            else:
                given = [*((str(position), value) for position, value in enumerate(args)), *kwargs.items()]
                inputs = [tensor for path, value in given for tensor in seen(value, path)]
            if progress is not None:
                progress(record.path, len(calls))
            out = original(module, *args, **kwargs)
            outputs = seen(out, "")
        finally:
            calls[index] = (record, number, parent, start, len(ops), training, covered, place, inputs, outputs)
            if depth > 1:  # the root's stays: there is always an owner
                del stack[depth - 1 :]
        return out

    return call


_CALL_CODE = next(code for code in _module_call.__code__.co_consts if isinstance(code, CodeType) and code.co_name == "call")


def calling(frame: FrameType) -> ModuleRecord | None:
    """The module that is called in ``frame``, if that is where the recorder does it."""
    record = frame.f_locals.get("record") if frame.f_code is _CALL_CODE else None
    return record if isinstance(record, ModuleRecord) else None
