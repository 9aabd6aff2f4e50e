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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator, OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

from modinspect.trace import names
from modinspect.trace.classify import aliased, kind_of, literals, mutated_positions, operands_of
from modinspect.trace.flops import count_flops, estimate_flops, has_formula
from modinspect.trace.half import ModuleRun, module_info, size_below
from modinspect.trace.holders import Holders
from modinspect.trace.preserve import Preserved
from modinspect.trace.records import CallRecord, Failure, Found, Known, ModuleRecord, OpRecord, Origin, Root, Seen
from modinspect.trace.registry import Registry, is_layer, is_opaque, join, walk
from modinspect.trace.sources import Sources
from modinspect.trace.tensors import flatten, flatten_all, shape_of, storage_of

_ATEN = torch.ops.aten
_get_frame = sys._getframe
_top_dispatch = _get_current_dispatch_mode
_pop_dispatch = torch._C._pop_torch_dispatch_stack
_push_dispatch = torch._C._push_on_torch_dispatch_stack
_functorch_active = torch._C._are_functorch_transforms_active
_autocasting = torch._C._is_any_autocast_enabled
_grad_enabled = torch.is_grad_enabled
_inference = torch.is_inference_mode_enabled

_PLAIN = frozenset({Tensor, nn.Parameter})
"""Types whose metadata says all that decides what a function becomes."""

_ATOMS = frozenset(
    {int, float, bool, str, complex, type(None), type(...), torch.dtype, torch.device, torch.layout, torch.memory_format}
)

_QUERIES = frozenset({
    _ATEN.sym_is_contiguous.default, _ATEN.is_contiguous.default, _ATEN.is_contiguous.memory_format,
    _ATEN.is_strides_like_format.default, _ATEN.is_non_overlapping_and_dense.default, _ATEN.size.default,
    _ATEN.sym_size.default,
    _ATEN.stride.default, _ATEN.sym_stride.default, _ATEN.storage_offset.default, _ATEN.sym_storage_offset.default,
    _ATEN.numel.default, _ATEN.sym_numel.default, _ATEN.dim.default, torch.ops.prim.layout.default,
    torch.ops.prim.device.default,
})  # fmt: skip
"""Questions of shape that tensors with shapes of their own kind ask through the dispatcher; no operators that run."""

_WRITES_STATISTICS = {
    _ATEN.native_batch_norm.default: (3, 4, 5),
    _ATEN.cudnn_batch_norm.default: (3, 4, 5),
    _ATEN.miopen_batch_norm.default: (3, 4, 5),
}
"""Batch norm writes to its running mean and variance if its argument ``training`` is set, and its schema says nothing of it."""

_COND: Any = torch.ops.higher_order.cond

_MARKS = frozenset({_ATEN._conj.default, _ATEN._neg_view.default})
"""They only mark a tensor as conjugated or negated, as ``torch._make_dual`` marks it as one with a tangent. What is computed
later depends on the mark, which no metadata tells."""

_NO_OP = Known()


class _Uncachable(Exception):
    """An argument whose value can't be part of a key."""


class Recorder(TorchFunctionMode):
    """Records one forward of ``registry``'s model.

    Args:
        registry: what the model registers.
        preserved: told of each write before it happens.
        opaque: globs of classes that count as layers.
        plain: further tensor types whose metadata says all.
        progress: told which module begins, as (path, modules begun so far).
    """

    def __init__(
        self,
        registry: Registry,
        preserved: Preserved,
        *,
        opaque: tuple[str, ...] = (),
        plain: frozenset[type] = frozenset(),
        progress: Callable[[str, int], None] | None = None,
    ) -> None:
        super().__init__()
        self.sources = Sources()
        self.ops: list[OpRecord] = []
        self.calls: list[CallRecord] = []
        self.roots: list[Root] = []
        self.found: list[Found] = []
        self.modules: dict[int, ModuleRecord] = {}
        self.failure: Failure | None = None
        self.kept: frozenset[int] | None = None
        self.passed_by: dict[str, None] = {}
        self.grown = False
        self._preserved = preserved
        self._opaque = opaque
        self._plain = _PLAIN | plain
        self._progress = progress
        self._holders = Holders(registry)
        self._known: dict[tuple[Any, ...], Known] = {}
        self._origins: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._made_inside: dict[int, tuple[StorageWeakRef, int]] = {}
        self._made_of: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._stack: list[int] = []
        self._running: list[nn.Module] = []
        self._root_entered = False
        self._namesakes: dict[str, int] = {}
        self._sink: _Sink | None = None
        self._marked = False
        self._thread = 0
        self._aten = _AtenMode(self)
        for path, module in registry.modules.items():
            self._add_module(path, module, None)
        for tensors in (registry.parameters, registry.buffers):
            for tensor in tensors.values():
                name = registry.tensor_names[id(tensor)]
                self.add_root(tensor, Root(name.partition(":")[0], name))

    # -- what is there before the run

    def _add_module(self, path: str, module: nn.Module, place: int | None) -> ModuleRecord:
        record = ModuleRecord(path, weakref.ref(module), is_layer(module, self._opaque), is_opaque(module, self._opaque), place)
        self.modules[id(module)] = record
        self._namesakes.setdefault(path, 1)
        return record

    def add_root(self, tensor: Tensor, root: Root) -> int:
        """Makes ``tensor`` known by where it comes from."""
        self.roots.append(root)
        self._marked = self._marked or (tensor.dtype.is_complex and tensor.is_conj())
        self._origins[id(tensor)] = (weakref.ref(tensor), -len(self.roots))
        return -len(self.roots)

    def know(self, tensor: Tensor, origin: int) -> None:
        """Makes ``tensor`` another name for what ``origin`` says."""
        self._origins[id(tensor)] = (weakref.ref(tensor), origin)

    def add_input(self, tensor: Tensor, text: str) -> None:
        """Makes ``tensor`` an input, unless it is a parameter or buffer of the model."""
        if self.origin(tensor) is None:
            self.add_root(tensor, Root("input", text))
        self._preserved.add_tensor(tensor)

    def origin(self, tensor: Tensor) -> Origin:
        """Where ``tensor`` comes from as far as it is known."""
        entry = self._origins.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    # -- the run

    @contextmanager
    def recording(self, root: nn.Module, edge: CodeType) -> Iterator[None]:
        """Records what runs inside; ``edge`` is the code that calls the model."""
        self.sources.mark_edge(edge)
        self._thread = threading.get_ident()
        with ExitStack() as stack:
            stack.callback(delattr, self, "_aten")  # each holds the other: what they hold would wait for the garbage collector
            stack.enter_context(_functions_go_through(self._apply))
            stack.enter_context(_modules_go_through(self._call))
            stack.enter_context(_parameters_go_through(self._pass_on))
            self._push(self.modules[id(root)], root)
            stack.enter_context(self._aten)
            stack.enter_context(self)
            yield

    def finish(self, result: Any) -> None:
        """Notes what the root returned."""
        call = self.calls[0]
        with torch._C.DisableTorchFunction():
            call.outputs = [(path, shape_of(t), t.dtype, self.origin(t)) for path, t in flatten_all(result)]
        call.stop = len(self.ops)
        self.kept = frozenset([origin for alive, origin in self._origins.values() if origin >= 0 and alive() is not None])

    # -- modules

    def _push(self, record: ModuleRecord, module: nn.Module) -> CallRecord:
        parent = self._stack[-1] if self._stack else None
        inside_layer = parent is not None and self.calls[parent].covered and self.calls[parent].record.opaque
        covered = inside_layer or (record.layer and record.place is None)
        start = len(self.ops)
        call = CallRecord(record, record.calls, parent, start, start, module.training, covered)
        record.opaque = record.opaque or inside_layer
        record.calls += 1
        self._stack.append(len(self.calls))
        self._running.append(module)
        self.calls.append(call)
        return call

    def _call(self, original: Callable[..., Any], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A module is called: whatever runs until it returns, its hooks too, has it as its owner or above its owner."""
        if threading.get_ident() != self._thread:
            self._pass_by(module)
            return original(module, *args, **kwargs)
        if self._root_entered or module is not self._running[0]:
            record = self.modules.get(id(module))
            if record is None or record.module() is not module:
                record = self._meet(module)
            call = self._push(record, module)
        else:
            call = self.calls[0]
        self._root_entered = True
        depth = len(self._stack)
        code, line, _ = self.sources.find(_get_frame(2))
        call.place = (code, line)
        call.inputs = self._look_at_arguments(args, kwargs)
        if self._progress is not None:
            self._progress(call.record.path, len(self.calls))
        try:
            out = original(module, *args, **kwargs)
        finally:
            call.stop = len(self.ops)
            if depth > 1:  # the root's stays: there is always an owner
                del self._stack[depth - 1 :], self._running[depth - 1 :]
        call.outputs = self._look_at(out)
        return out

    def _pass_by(self, module: nn.Module) -> None:
        """A module runs in another thread, whose ops nobody sees: what it may write to is saved, and the report says so."""
        record = self.modules.get(id(module))
        if record is None or record.module() is not module:
            return  # nothing of this model's
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None and not nn.parameter.is_lazy(tensor):
                self._preserved.before_write(tensor)
        self.passed_by.setdefault(record.path or type(module).__name__)

    def _meet(self, module: nn.Module) -> ModuleRecord:
        """A module that was not registered at the start runs for the first time."""
        for path, registered in walk(self._running[0]):
            if registered is module:
                return self._add_grown(path, module)
        frame = _get_frame(2)
        name, role = self._holders.find(module, frame, self.sources) or (f"<{type(module).__name__}>", "forward")
        name = self._unique(name)
        code, line, _ = self.sources.find(frame)
        place = len(self.found)
        for path, child in walk(module):
            known = self.modules.get(id(child))
            if known is not None and known.module() is child:
                continue
            whole = join(name, path) if path else name
            record = self._add_module(whole, child, place)
            record.info = module_info(whole, child, size_below(child), self._opaque, ModuleRun(), registered=False)
            if role != "forward":  # made in forward, it was not there before
                self._preserved.add_module(child)
            for kind, tensors in (("param", child._parameters), ("buffer", child._buffers)):
                for leaf, tensor in tensors.items():
                    origin = None if tensor is None else self.origin(tensor)
                    if tensor is not None and (origin is None or (kind == "param" and origin >= 0)):
                        self.add_root(tensor, Root("unregistered", f"{kind}:{join(whole, leaf)}", place))
        record = self.modules[id(module)]
        size = record.info.params if record.info is not None else 0
        self.found.append(Found("module", name, role, type(module).__name__, self._path(), (code, line), size))
        return record

    def _add_grown(self, above: str, module: nn.Module) -> ModuleRecord:
        """A module that ``forward`` has registered itself."""
        self.grown = True
        for path, child in walk(module):
            if id(child) in self.modules and self.modules[id(child)].module() is child:
                continue
            whole = join(above, path) if path else above
            self._add_module(whole, child, None)
            for kind, tensors in (("param", child._parameters), ("buffer", child._buffers)):
                for leaf, tensor in tensors.items():
                    if tensor is not None:
                        self.add_root(tensor, Root(kind, f"{kind}:{join(whole, leaf)}"))
        return self.modules[id(module)]

    def _unique(self, name: str) -> str:
        count = self._namesakes[name] = self._namesakes.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def _path(self) -> str:
        return self.calls[self._stack[-1]].record.path

    def _look_at_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Seen]:
        with torch._C.DisableTorchFunction():
            return [seen for name, value in (*enumerate(args), *kwargs.items()) for seen in self._seen(value, str(name))]

    def _look_at(self, value: Any) -> list[Seen]:
        with torch._C.DisableTorchFunction():
            return self._seen(value, "")

    def _seen(self, value: Any, path: str) -> list[Seen]:
        if type(value) in self._plain and not value.is_nested:
            return [(path, value.shape, value.dtype, self.origin(value))]
        return [(path, shape_of(t), t.dtype, self.origin(t)) for path, t in flatten(value, path)]

    # -- ops

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in names.SILENT:
            return func(*args, **kwargs) if kwargs else func(*args)
        tensors: list[Tensor] = []
        key = self._key(func, args, kwargs, tensors)
        known = self._known.get(key) if key is not None else None
        if known is None:
            return self._look_closely(func, args, kwargs or {}, key)
        if known is _NO_OP:
            return func(*args, **kwargs) if kwargs else func(*args)
        code, line, setting_up = self.sources.find(_get_frame(1))
        entries = self._origins
        origins: list[Origin] = []
        for tensor in tensors:
            entry = entries.get(id(tensor))
            origins.append(entry[1] if entry is not None and entry[0]() is tensor else self._resolve(tensor))
        for position in known.mutates:
            self._preserved.before_write(tensors[position])
        mode = _pop_dispatch(None)
        if mode is not self._aten:  # the model has pushed a mode of its own on top
            _push_dispatch(mode)
            return self._look_closely(func, args, kwargs or {}, None)
        try:
            out = func(*args, **kwargs) if kwargs else func(*args)
        except BaseException as error:
            self._fail(error, OpRecord(func, known, self._stack[-1], origins, [], code, line))
            raise
        finally:
            _push_dispatch(mode)
        if setting_up:
            return out
        index = len(self.ops)
        if type(out) in self._plain:
            outputs: Any = (out.shape, out.dtype)
            for tensor in tensors:
                if tensor is out:
                    break
            else:
                entries[id(out)] = (weakref.ref(out), index)
        else:
            outputs = self._adopt(out, tensors, index)
        if known.mutates:
            self._mutated([tensors[position] for position in known.mutates], index)
        self.ops.append(OpRecord(func, known, self._stack[-1], origins, outputs, code, line))
        return out

    def _key(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> tuple[Any, ...] | None:
        """All that decides what ``func`` becomes; ``None`` where that can't be said. Collects the operands in ``tensors``."""
        if self._marked or _functorch_active() or _autocasting():
            return None
        plain = self._plain
        parts = [func, _grad_enabled(), _inference()]
        try:
            for value in args:
                cls = type(value)
                if cls in plain:
                    tensors.append(value)
                    parts += (value.shape, value.stride(), value.dtype, value.device, value.requires_grad)
                elif cls in _ATOMS:
                    parts += (cls, value)
                else:
                    parts.append(self._key_part(value, tensors))
            if kwargs:
                for name, value in kwargs.items():
                    parts += (name, self._key_part(value, tensors))
            key = tuple(parts)
            hash(key)
        except (_Uncachable, TypeError, RuntimeError):  # the last two: a tensor without strides, an argument without hash
            return None
        return key

    def _key_part(self, value: Any, tensors: list[Tensor]) -> Any:
        cls = type(value)
        if cls in self._plain:
            tensors.append(value)
            return (value.shape, value.stride(), value.dtype, value.device, value.requires_grad)
        if cls in _ATOMS:
            return (cls, value)
        if cls in (tuple, list, torch.Size):
            return (cls, *[self._key_part(item, tensors) for item in value])
        if cls is slice:
            return (cls, *[self._key_part(item, tensors) for item in (value.start, value.stop, value.step)])
        raise _Uncachable

    def _look_closely(
        self, func: Any, args: Any, kwargs: dict[str, Any], key: tuple[Any, ...] | None, run: Callable[..., Any] | None = None
    ) -> Any:
        """Runs ``func``, or ``run`` in its place, under the dispatch mode, to learn what it becomes."""
        code, line, setting_up = self.sources.find(_get_frame(2))
        with torch._C.DisableTorchFunctionSubclass():
            record, tensors = self._begin(func, args, kwargs, code, line)
            if func in names.EXPOSES:
                for tensor in tensors:
                    self._preserved.before_write(tensor)
            elif func == names.SET_DATA:
                self._preserved.before_set_data(args[0])
        sink = _Sink(len(self.ops), transformed=_functorch_active())
        try:
            with self._into(sink):
                out = (run or func)(*args, **kwargs)
        except BaseException as error:
            self._fail(error, record)
            raise
        if not setting_up:
            with torch._C.DisableTorchFunctionSubclass():
                self._learn(record, sink, tensors, out, key)
        return out

    def _learn(self, record: OpRecord, sink: _Sink, tensors: list[Tensor], out: Any, key: tuple[Any, ...] | None) -> None:
        """Adds an op that ran, and remembers what it became if the next one alike will become the same."""
        func, known = record.func, record.known
        sink.tell(known, func, tensors)
        self._marked = self._marked or func == torch._make_dual
        kind = kind_of(func, tensors, [tensor for _, tensor in flatten(out)], known.mutates, sink.funcs)
        decided = func not in names.UNIQUE and not (known.mutates and aliased(tensors))
        if key is not None and decided and _top_dispatch() is self._aten:  # no mode of the model's takes part
            self._known[key] = _NO_OP if kind is None else known
        if kind is not None:
            known.kind = kind
            self._end(record, out, tensors)

    def _begin(
        self, func: Any, args: Any, kwargs: dict[str, Any], code: CodeType | None, line: int
    ) -> tuple[OpRecord, list[Tensor]]:
        """The record of an op that is about to run, and its operands."""
        places = list(operands_of(args, kwargs))
        tensors = [tensor for _, tensor in places]
        known = Known(tuple((place, shape_of(t), t.dtype) for place, t in places), arguments=literals(args, kwargs))
        origins = [self._origin_or_resolve(tensor) for tensor in tensors]
        return OpRecord(func, known, self._stack[-1], origins, [], code, line), tensors

    def _end(self, record: OpRecord, out: Any, tensors: list[Tensor]) -> None:
        """Adds an op that ran."""
        index = len(self.ops)
        record.outputs = self._adopt(out, tensors, index)
        self._mutated([tensors[position] for position in record.known.mutates], index)
        self.ops.append(record)

    @contextmanager
    def _into(self, sink: _Sink) -> Iterator[None]:
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
                self._origins[id(tensor)] = (weakref.ref(tensor), index)
        return outputs

    def _mutated(self, tensors: list[Tensor], index: int) -> None:
        """From now on the value of ``tensors``, and of what they are views of, comes from op ``index``."""
        for tensor in tensors:
            for changed in (tensor, tensor._base):
                if changed is None:
                    continue
                origin = self.origin(changed)
                if origin is None or origin >= 0 or self.roots[-1 - origin].kind == "input":
                    self._origins[id(changed)] = (weakref.ref(changed), index)

    def _origin_or_resolve(self, tensor: Tensor) -> Origin:
        origin = self.origin(tensor)
        return origin if origin is not None else self._resolve(tensor)

    def _resolve(self, tensor: Tensor) -> Origin:
        """Where a tensor comes from that no op made and nothing registered at the start."""
        inner = tensor
        while torch._C._functorch.is_functorch_wrapped_tensor(inner):
            inner = torch._C._functorch.get_unwrapped(inner)
        if inner is not tensor:
            return self._origin_or_resolve(inner)
        storage = storage_of(tensor)
        made = self._made_inside.get(storage) if storage is not None else None
        if made is not None and not made[0].expired():
            return made[1]
        for module in reversed(self._running):
            record = self.modules[id(module)]
            for kind, registered in (("param", module._parameters), ("buffer", module._buffers)):
                for name, own in registered.items():
                    if own is tensor:  # put there meanwhile: by torch.func.functional_call, or as a new buffer
                        self.grown = True
                        whole = f"{kind}:{join(record.path, name)}"
                        return self.add_root(
                            tensor, Root(kind if record.place is None else "unregistered", whole, record.place)
                        )
        made_of = self._made_of.get(id(tensor))
        if made_of is not None and made_of[0]() is tensor:
            self.know(tensor, made_of[1])
            return made_of[1]
        frame = _get_frame(2)
        held = self._holders.find(tensor, frame, self.sources)
        if held is None:
            return None
        code, line, _ = self.sources.find(frame)
        size = tensor.numel() if isinstance(tensor, nn.Parameter) else 0
        found = Found("tensor", *held, type(tensor).__name__, self._path(), (code, line), size, shape_of(tensor), tensor.dtype)
        self.found.append(found)
        self._preserved.add_tensor(tensor)
        return self.add_root(tensor, Root("unregistered", found.name, len(self.found) - 1))

    def _fail(self, error: BaseException, record: OpRecord) -> None:
        trace = error.__traceback__
        if trace is None or not passes_op(trace.tb_next):  # otherwise an op inside has failed already
            self.failure = Failure(id(error), record)

    # -- what the function mode does not see

    def _apply(self, original: Callable[..., Any], function: Any, args: Any, kwargs: Any) -> Any:
        """Runs an ``autograd.Function`` as an op; what it calls inside is recorded as ops of their own, too."""
        if threading.get_ident() != self._thread or function.__module__.startswith("torch."):
            return original(function, *args, **kwargs)
        with torch._C.DisableTorchFunction():
            code, line, _ = self.sources.find(_get_frame(2))
            record, tensors = self._begin(function, args, kwargs, code, line)
        record.known.name = f"{function.__module__}.{function.__qualname__}.apply"
        index = len(self.ops)
        self.ops.append(record)
        sink = _Sink(index)
        try:
            with self._into(sink):
                out = original(function, *args, **kwargs)
        except BaseException as error:
            self._fail(error, record)
            raise
        with torch._C.DisableTorchFunction():
            sink.tell(record.known, function, tensors)
            record.outputs = self._adopt(out, tensors, index)
        return out

    def _pass_on(self, made: Tensor, data: Tensor) -> None:
        """The parameter ``made`` has been made of ``data``."""
        with torch._C.DisableTorchFunction():
            origin = self.origin(data)
            if origin is not None:
                self._made_of[id(made)] = (weakref.ref(made), origin)

    def see(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, written: list[Tensor]) -> None:
        """An ATen operator ran. Outside any op it is one of its own: a scripted module's, say, or a C++ extension's."""
        flops, estimate = _count(func, args, kwargs, out)
        self._marked = self._marked or func in _MARKS
        if self._sink is not None:
            self._sink.add(func, flops, estimate, written)
            if self._sink.transformed:  # vmap gives out what its operators made without another call
                for _, tensor in flatten(out):
                    storage = storage_of(tensor)
                    if storage is not None:
                        self._made_inside[storage] = (StorageWeakRef(tensor.untyped_storage()), self._sink.index)
            return
        code, line, setting_up = self.sources.find(_get_frame(2))
        if setting_up:
            return
        record, tensors = self._begin(func, () if func is _ATEN.lift_fresh.default else args, kwargs, code, line)
        sink = _Sink(len(self.ops))
        sink.add(func, flops, estimate, written)
        sink.tell(record.known, func, tensors)
        record.known.kind = (
            kind_of(func, tensors, [tensor for _, tensor in flatten(out)], record.known.mutates, sink.funcs) or "read"
        )
        self._end(record, out, tensors)

    def lose(self, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """An ATen operator raised. What called it may raise an error of its own that does not say why: scripted code does."""
        if self._sink is None:
            code, line, _ = self.sources.find(_get_frame(2))
            self.failure = Failure(id(error), self._begin(func, args, kwargs, code, line)[0], lost=str(error))

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


def calling(frame: FrameType) -> CallRecord | None:
    """The call of a module that ``frame`` belongs to, if that is where the recorder made it."""
    if frame.f_code is not Recorder._call.__code__:
        return None
    call = frame.f_locals.get("call")
    return call if isinstance(call, CallRecord) else None


def _count(func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> tuple[int | None, int | None]:
    """(FLOPs, FLOPs with estimates) of an operator; ``None`` for what is not known."""
    try:
        flops = count_flops(func, args, kwargs, out)
        return flops, flops if flops is not None else estimate_flops(func, args, kwargs, out)
    except Exception:  # a formula that fails on odd tensors must not fail the user's forward: not known
        return None, None


class _Sink:
    """The ATen operators that one op became."""

    def __init__(self, index: int, *, transformed: bool = False) -> None:
        self.index = index
        self.transformed = transformed
        self.funcs: list[Any] = []
        self._flops = 0
        self._uncounted = False
        self._estimate: int | None = 0
        self._written: list[Tensor] = []

    def add(self, func: Any, flops: int | None, estimate: int | None, written: list[Tensor]) -> None:
        """One more operator."""
        self.funcs.append(func)
        self._flops += flops or 0
        self._uncounted = self._uncounted or flops is None
        self._estimate = None if estimate is None or self._estimate is None else self._estimate + estimate
        self._written += written

    def tell(self, known: Known, func: Any, operands: list[Tensor]) -> None:
        """Writes what was seen into ``known``."""
        known.aten = tuple(str(func) for func in self.funcs)
        known.flops = None if self._uncounted and not self._flops else self._flops
        known.estimate = self._estimate
        known.mutates = mutated_positions(func, operands, self._written)


class _AtenMode(TorchDispatchMode):
    """Tells the recorder of each ATen operator."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled meanwhile, so dynamo need not be kept out: that would import it, and sympy with it."""
        return False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._written: dict[Any, tuple[int | str, ...]] = {}
        self._composite: dict[Any, bool] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # The function mode is on where an operator was called by no function that it sees.
        with torch._C.DisableTorchFunction():
            if func in _QUERIES:
                return func(*args, **kwargs)
            if func is _COND:
                predicate, if_true, if_false, operands = args
                branch = if_true if predicate else if_false
                with self:
                    return branch(*operands)
            if isinstance(func, HigherOrderOperator):
                out = func(*args, **kwargs)
                self._recorder.see(func, args, kwargs, out, [])
                return out
            if self._is_composite(func) and not any(tensor.is_nested for _, tensor in operands_of(args, kwargs)):
                with self:
                    return func.decompose(*args, **kwargs)
            written = self._before_writes(func, args, kwargs)
            try:
                out = func(*args, **kwargs)
            except Exception as error:
                self._recorder.lose(func, args, kwargs, error)
                raise
            if func.namespace != "prim":
                self._recorder.see(func, args, kwargs, out, written)
            return out

    def _is_composite(self, func: OpOverload) -> bool:
        """Whether ``func`` is made of others and came here whole, as it does in inference mode."""
        composite = self._composite.get(func)
        if composite is None:
            key = torch._C.DispatchKey.CompositeImplicitAutograd
            composite = not has_formula(func) and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)
            self._composite[func] = composite
        return composite

    def _before_writes(self, func: OpOverload, args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
        places = self._written.get(func)
        if places is None:
            places = self._written[func] = tuple(
                argument.name if argument.kwarg_only else index
                for index, argument in enumerate(func._schema.arguments)
                if argument.alias_info is not None and argument.alias_info.is_write
            )
        if func in _WRITES_STATISTICS:
            *statistics, training = _WRITES_STATISTICS[func]
            places = tuple(statistics) if args[training] else ()
        if not places:
            return []
        values = (kwargs.get(place) if isinstance(place, str) else args[place : place + 1] for place in places)
        written = [tensor for value in values for _, tensor in flatten(value)]
        for tensor in written:
            self._recorder.before_write(tensor)
        return written


@contextmanager
def _functions_go_through(apply: Callable[..., Any]) -> Iterator[None]:
    """Calls of ``autograd.Function`` go through ``apply``: no mode of torch's tells their names.

    Models keep ``swish = Swish.apply`` for later, and would not call another function in its place: so it gets other code.
    """
    function: Any = torch.autograd.Function.__dict__["apply"].__func__
    code = function.__code__
    original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    function.seen_by = partial(apply, original)
    function.__code__ = _Seen.apply.__code__
    try:
        yield
    finally:
        function.__code__ = code
        del function.seen_by


class _Seen:
    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Code for ``autograd.Function.apply``, whose ``__class__`` it gets."""
        apply: Any = __class__.apply.__func__  # type: ignore[name-defined]
        seen_by = getattr(apply, "seen_by", None)
        # Another thread may be here when the inspection ends: by now the function has its own code again.
        return apply(cls, *args, **kwargs) if seen_by is None else seen_by(cls, args, kwargs)


@contextmanager
def _modules_go_through(call: Callable[..., Any]) -> Iterator[None]:
    """Calls of modules go through ``call``, those of modules that nobody registered too.

    Global hooks would do, but they send each call the long way through ``Module._call_impl``, which takes as long again as a
    small layer; and what the model's own hooks do runs outside of them.
    """
    original = nn.Module.__call__

    def seen(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return call(original, self, args, kwargs)

    nn.Module.__call__ = seen  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__call__ = original  # type: ignore[method-assign]


@contextmanager
def _parameters_go_through(pass_on: Callable[[Tensor, Tensor], None]) -> Iterator[None]:
    """Parameters that are made of tensors are told to ``pass_on``: no mode of torch's sees that."""
    original = nn.Parameter.__dict__["__new__"]

    def seen(cls: type, data: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        made = original.__func__(cls, data, *args, **kwargs)
        if data is not None:
            pass_on(made, data)
        return made

    nn.Parameter.__new__ = seen  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Parameter.__new__ = original  # type: ignore[method-assign]
