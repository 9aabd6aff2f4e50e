"""Restores a model after a run.

At the start each module's attributes, mode, hooks and registries are saved, with the containers, objects and random generators
among its attributes. Tensors are saved only right before something writes to them, so a run needs no second copy of the model.
"""

from __future__ import annotations

import copy
import operator
import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from modinspect.trace._torch import DisableTorchFunctionSubclass, storage_of, without_dispatch_modes
from modinspect.trace.model import MOST, TORCHS_OWN, in_slots, is_plain, mode_of, reachable, slots_of
from modinspect.trace.restore.process_state import put_back, save_process

_ATOMS = frozenset({bool, int, float, str, type(None), torch.dtype, torch.device, torch.Size})


_DEEPEST = 10
"""Nested containers are saved to this depth. Wrappers nest deeply, and restoring some of their levels would leave them
inconsistent."""

_Step: TypeAlias = "tuple[Any, ...]"
"""A function and its arguments. There are thousands of these, and a tuple is created faster than a closure."""


class Preserved:
    """Saves the state of modules and tensors, and restores it."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._modules: dict[int, nn.Module] = {}
        self._tensors: dict[int, Tensor] = {}
        self._undo: list[_Step] = []
        self._seen: set[int] = set()
        self._memories: dict[int, tuple[Tensor, Tensor]] = {}
        self._storages: set[int] | None = None
        self._saved: dict[int, Callable[[], object]] = {}
        self._have_slots: dict[type, bool] = {}
        for module in modules:
            self.add_module(module)
        self._undo_process = save_process(surroundings=True)

    # -- before the run

    def add_module(self, module: nn.Module) -> None:
        """Saves the attributes, registries and hooks of ``module``, not those of its children."""
        if id(module) in self._modules:
            return
        self._modules[id(module)] = module
        self._seen.add(id(module))
        self._undo.append(_saved_module(module))
        for registered in (module._parameters, module._buffers):
            for tensor in registered.values():
                if tensor is not None and id(tensor) not in self._tensors:
                    self.add_tensor(tensor)
        if type(module) not in self._have_slots:
            self._have_slots[type(module)] = bool(slots_of(module))
        slots = in_slots(module) if self._have_slots[type(module)] else None
        if slots is not None:
            self._undo.append((_restore_slots, module, slots))
        held = [
            value
            for name, value in module.__dict__.items()
            if name not in TORCHS_OWN and type(value) not in _ATOMS and not _is_inert(value)
        ]
        if slots:
            held += slots.values()
        if held:
            self.add_value(held)

    def add_value(self, value: object) -> None:
        """Saves the tensors, modules, containers and plain objects inside ``value``."""
        for count, (_, item) in enumerate(reachable(value, "", _DEEPEST, self._seen)):
            if isinstance(item, Tensor):
                self.add_tensor(item)
            elif isinstance(item, nn.Module):
                self.add_module(item)
            else:
                self._undo.append((_saved_object(item),))
            if count > MOST:
                break

    def add_tensor(self, tensor: Tensor) -> None:
        """Notes that ``tensor`` existed before the run, so that writes to its memory are undone."""
        if id(tensor) in self._tensors:
            return
        self._tensors[id(tensor)] = tensor
        if tensor.is_leaf:
            grad = tensor.grad
            self._undo.append(_saved_flags(tensor, grad))
            if grad is not None:
                self.add_tensor(grad)
        if self._storages is not None:
            self._add_storage(tensor)

    def _add_storage(self, tensor: Tensor) -> None:
        assert self._storages is not None
        storage = storage_of(tensor)
        if storage is not None:
            self._storages.add(storage)

    # -- during the run

    def before_write(self, tensor: Tensor) -> None:
        """Saves the memory of ``tensor`` if it existed before the run. To be called before each write."""
        if self._storages is None:
            self._storages = set()
            replaced = [memory for _, memory in self._memories.values()]  # tensors whose ``data`` was set get this back
            for known in (*self._tensors.values(), *replaced):
                self._add_storage(known)
        storage = storage_of(tensor)
        if storage is None:
            if id(tensor) in self._tensors and id(tensor) not in self._saved:
                self._saved[id(tensor)] = _saved_without_storage(tensor)
            return
        self.before_set_data(tensor)
        if storage in self._storages and storage not in self._saved:
            self._saved[storage] = _saved_storage(tensor)

    def before_set_data(self, tensor: Tensor) -> None:
        """Remembers the memory and the shape of ``tensor``. To be called before its ``data`` is set."""
        if id(tensor) in self._tensors and id(tensor) not in self._memories and not nn.parameter.is_lazy(tensor):
            with without_dispatch_modes():
                self._memories[id(tensor)] = (tensor, tensor.detach())

    # -- after the run

    def restore(self) -> None:
        """Restores everything. If a step fails, the others are still taken, and the first error is raised at the end."""
        memories = [partial(_restore_memory, tensor, memory) for tensor, memory in self._memories.values()]
        errors = _each([(self._undo_process,)])  # first, as a default device would affect the other steps
        with torch.no_grad(), DisableTorchFunctionSubclass():
            errors += _each([(step,) for step in (*memories, *self._saved.values())])
            errors += _each(self._undo)
        if errors:
            raise errors[0]


def _is_inert(value: object) -> bool:
    """Whether nothing inside ``value`` can change: a number, a tuple of numbers."""
    return type(value) in _ATOMS or (type(value) is tuple and _ATOMS.issuperset(map(type, value)))


def _each(steps: Iterable[_Step]) -> list[Exception]:
    """Takes all the steps; returns the errors they raised."""
    errors = []
    for step, *arguments in steps:
        try:
            step(*arguments)
        except Exception as error:  # the caller raises it
            errors.append(error)
    return errors


def _saved_storage(tensor: Tensor) -> Callable[[], object]:
    storage = tensor.untyped_storage()
    if storage.device.type == "meta":
        return lambda: None
    size = storage.nbytes()
    with without_dispatch_modes():
        values = storage.clone()

    def undo() -> None:
        if storage.nbytes() != size:
            storage.resize_(size)
        storage.copy_(values)

    return undo


def _saved_without_storage(tensor: Tensor) -> Callable[[], object]:
    with without_dispatch_modes():
        values = tensor.detach().clone()

    def undo() -> None:
        tensor.copy_(values)

    return undo


def _restore_memory(tensor: Tensor, memory: Tensor) -> None:
    if _layout(tensor) != _layout(memory):
        tensor.data = memory


def _layout(tensor: Tensor) -> tuple[Any, ...]:
    if storage_of(tensor) is None:
        return (id(tensor),)
    return storage_of(tensor), tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset()


def _saved_flags(tensor: Tensor, grad: Tensor | None) -> _Step:
    hooks, more_hooks = tensor._backward_hooks, tensor._post_accumulate_grad_hooks
    none = hooks is None and more_hooks is None
    contents = () if none else [(hook, dict(hook)) for hook in (hooks, more_hooks) if hook is not None]
    return _restore_flags, tensor, tensor.requires_grad, grad, hooks, more_hooks, contents


def _restore_flags(
    tensor: Tensor, requires_grad: bool, grad: Tensor | None, hooks: Any, more_hooks: Any, contents: Iterable[tuple[Any, Any]]
) -> None:
    if tensor.requires_grad != requires_grad:
        tensor.requires_grad_(requires_grad)
    if tensor.grad is not grad:
        tensor.grad = grad
    if tensor._backward_hooks is not hooks:
        tensor._backward_hooks = hooks
    if tensor._post_accumulate_grad_hooks is not more_hooks:
        tensor._post_accumulate_grad_hooks = more_hooks
    for hook, before in contents:
        put_back(hook, before)


_registries_of = operator.itemgetter(
    *(name for name, value in vars(nn.Module()).items() if isinstance(value, (dict, OrderedDict, set)))
)
"""Gets a module's dictionaries of parameters, children and hooks."""


def _saved_module(module: nn.Module) -> _Step:
    if isinstance(module, torch.jit.ScriptModule):
        return (_saved_scripted(module),)
    own = module.__dict__
    try:
        registries = _registries_of(own)
    except KeyError:  # created without nn.Module.__init__, or by an older torch
        registries = tuple(value for value in own.values() if type(value) in (dict, OrderedDict, set))
    filled = [(registry, registry.copy()) for registry in registries if registry]
    return _restore_module, own, own.copy(), registries, filled


def _restore_module(own: dict[str, Any], before: dict[str, Any], registries: Any, filled: list[tuple[Any, Any]]) -> None:
    put_back(own, before)
    for registry, contents in filled:
        put_back(registry, contents)
    if sum(map(bool, registries)) > len(filled):
        known = {id(registry) for registry, _ in filled}
        for registry in registries:
            if id(registry) not in known:
                registry.clear()


def _saved_scripted(module: torch.jit.ScriptModule) -> Callable[[], object]:
    """Much of a scripted module's state is outside its ``__dict__``."""
    own, before, training = module.__dict__, module.__dict__.copy(), mode_of(module)
    contents = [(value, copy.copy(value)) for value in own.values() if type(value) in (dict, OrderedDict, set)]

    def undo() -> None:
        put_back(own, before)
        for container, content in contents:
            put_back(container, content)
        if mode_of(module) != training:
            module.training = training

    return undo


def _saved_object(item: Any) -> Callable[[], object]:
    """A function that restores a container, an object or a random generator."""
    numpy = sys.modules.get("numpy")
    if isinstance(item, (dict, list, set, deque)):
        return partial(put_back, item, copy.copy(item))
    if isinstance(item, torch.Generator):
        return partial(item.set_state, item.get_state())
    if isinstance(item, random.Random):
        return partial(item.setstate, item.getstate())
    if numpy is not None and isinstance(item, numpy.random.Generator):
        return partial(setattr, item.bit_generator, "state", item.bit_generator.state)
    return _saved_attributes(item) if is_plain(item) else _nothing


def _saved_attributes(item: Any) -> Callable[[], object]:
    own = getattr(item, "__dict__", None)
    before = None if own is None else own.copy()
    slots = in_slots(item)

    def undo() -> None:
        if own is not None:
            put_back(own, before)
        _restore_slots(item, slots)

    return undo


def _restore_slots(item: Any, before: dict[str, Any]) -> None:
    now = in_slots(item)
    for slot in slots_of(item):  # past a ``__setattr__`` of the class
        name = slot.__name__
        if name in before and now.get(name, _nothing) is not before[name]:
            slot.__set__(item, before[name])
        elif name in now and name not in before:
            slot.__delete__(item)


def _nothing() -> None:
    pass
