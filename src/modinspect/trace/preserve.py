"""Leaving everything as it was: what a forward changes is saved before it changes, and put back.

Buffers and parameters are saved only when something is about to write to them, so that a run costs no second copy of the model.
Saved with each module at the start are its attributes, modes, hooks and what it registers; with the process its random states
and torch's global settings.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from modinspect.trace.tensors import storage_of

_MISSING = object()


class Preserved:
    """What has to be put back after the run."""

    def __init__(self, modules: Iterable[nn.Module], tensors: Iterable[Tensor]) -> None:
        self._modules: dict[int, tuple[nn.Module, dict[str, Any], dict[str, Any]]] = {}
        self._tensors: dict[int, Tensor] = {}
        self._flags: list[tuple[Tensor, bool, Tensor | None]] = []
        self._data: list[tuple[Tensor, Tensor]] = []
        self._storages: set[int] | None = None
        self._saved: dict[int, Callable[[], None]] = {}
        for module in modules:
            self.add_module(module)
        for tensor in tensors:
            self.add_tensor(tensor)
        self._undo_process = _save_process()

    def add_module(self, module: nn.Module) -> None:
        """Saves the state of ``module`` itself, not of its children: attributes, and the contents of its registries and hooks."""
        if id(module) in self._modules:
            return
        attributes = module.__dict__
        contents = {name: dict(value) for name, value in attributes.items() if name[0] == "_" and isinstance(value, dict) and value}
        self._modules[id(module)] = (module, dict(attributes), contents)
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None:
                self.add_tensor(tensor)

    def add_tensor(self, tensor: Tensor) -> None:
        """Makes ``tensor`` one that existed before the run: a write to its memory will be undone."""
        if id(tensor) in self._tensors:
            return
        self._tensors[id(tensor)] = tensor
        if tensor.is_leaf:
            self._flags.append((tensor, tensor.requires_grad, tensor.grad))
        if self._storages is not None:
            self._add_storage(tensor)

    def _add_storage(self, tensor: Tensor) -> None:
        assert self._storages is not None
        storage = storage_of(tensor)
        if storage is not None:
            self._storages.add(storage)
        if tensor.is_leaf and tensor.grad is not None:
            self._add_storage(tensor.grad)

    def before_write(self, tensor: Tensor) -> None:
        """To be called before anything writes to ``tensor``: saves its memory if it existed before the run."""
        if self._storages is None:
            self._storages = set()
            for known in self._tensors.values():
                self._add_storage(known)
        storage = storage_of(tensor)
        if storage is None:
            if id(tensor) in self._tensors and id(tensor) not in self._saved:
                self._saved[id(tensor)] = _save_without_storage(tensor)
        elif storage in self._storages and storage not in self._saved:
            self._saved[storage] = _save_storage(tensor)

    def before_set_data(self, tensor: Tensor) -> None:
        """To be called before ``tensor.data`` is set: remembers which memory it has."""
        if id(tensor) in self._tensors and not nn.parameter.is_lazy(tensor):
            self._data.append((tensor, tensor.detach()))

    def restore(self) -> None:
        """Puts everything back. Each step is made even if the forward was interrupted."""
        with torch.no_grad():
            for tensor, data in reversed(self._data):
                tensor.data = data
            for undo in self._saved.values():
                undo()
            for module, attributes, contents in self._modules.values():
                _restore_module(module, attributes, contents)
            for tensor, requires_grad, grad in self._flags:
                if tensor.requires_grad != requires_grad:
                    tensor.requires_grad_(requires_grad)
                if tensor.grad is not grad:
                    tensor.grad = grad
        self._undo_process()


def _save_storage(tensor: Tensor) -> Callable[[], None]:
    storage = tensor.untyped_storage()
    if storage.device.type == "meta":
        return lambda: None
    size = storage.nbytes()
    with _disable_current_modes():
        copy = storage.clone()

    def undo() -> None:
        if storage.nbytes() != size:
            storage.resize_(size)
        storage.copy_(copy)

    return undo


def _save_without_storage(tensor: Tensor) -> Callable[[], None]:
    with _disable_current_modes():
        copy = tensor.detach().clone()
    return lambda: tensor.copy_(copy) and None


def _restore_module(module: nn.Module, attributes: dict[str, Any], contents: dict[str, Any]) -> None:
    now = module.__dict__
    if any(now.get(name, _MISSING) is not value for name, value in attributes.items()) or len(now) != len(attributes):
        now.clear()
        now.update(attributes)
    for name, value in now.items():
        if name[0] != "_" or not isinstance(value, dict):
            continue
        before = contents.get(name, {})
        if len(value) != len(before) or any(value.get(key, _MISSING) is not item for key, item in before.items()):
            value.clear()
            value.update(before)


@contextmanager
def preserved_process() -> Iterator[None]:
    """Puts back, at the end, the random states and global settings of the process."""
    undo = _save_process()
    try:
        yield
    finally:
        undo()


def _save_process() -> Callable[[], None]:
    """Saves random states and global settings of the process."""
    settings = [
        (setter, getter())
        for getter, setter in (
            (torch.get_rng_state, torch.set_rng_state),
            (random.getstate, random.setstate),
            (torch.get_default_dtype, torch.set_default_dtype),
            (torch.is_grad_enabled, torch.set_grad_enabled),
            (torch.get_num_threads, torch.set_num_threads),
            (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
            (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
            (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
            (sys.getrecursionlimit, sys.setrecursionlimit),
        )
    ]
    if torch.cuda.is_initialized():
        settings.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        settings.append((numpy_random.set_state, numpy_random.get_state()))
    path, filters = list(sys.path), list(warnings.filters)

    def undo() -> None:
        for setter, value in settings:
            if setter is torch.set_num_threads and torch.get_num_threads() == value:
                continue  # setting it starts the thread pool anew
            setter(value)
        if sys.path != path:
            sys.path[:] = path
        if warnings.filters != filters:
            warnings.filters[:] = filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]

    return undo
