"""What a model registers: its modules, parameters and buffers with their paths, without recursion and without touching data."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from modinspect.trace.tensors import Metas

_CONTAINER_OF_TENSORS = "parametrizations"
"""The child that ``torch.nn.utils.parametrize`` adds to a layer: it computes the layer's own parameters."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered half of a model. ``modules`` are in the order of ``named_modules()``, tensors in that of
    ``named_parameters()``. ``metas`` are the numbers of the tensors' metadata, by identity as ``tensor_names``.
    """

    modules: dict[str, nn.Module]
    module_paths: dict[int, str]
    module_aliases: dict[str, list[str]]
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    tensor_aliases: dict[str, list[str]]
    tensor_names: dict[int, str] = field(default_factory=dict)
    metas: dict[int, int | None] = field(default_factory=dict)


def register(root: nn.Module, metas: Metas) -> Registry:
    """Walks ``root`` once. Shared modules and tied tensors are listed under their first path, the others are aliases."""
    registry = Registry({}, {}, {}, {}, {}, {})
    for path, module in walk(root):
        known = registry.module_paths.setdefault(id(module), path)
        if known != path:
            registry.module_aliases.setdefault(known, []).append(path)
            continue
        registry.modules[path] = module
    for path, module in registry.modules.items():
        if module._parameters:
            _add_tensors(registry, metas, registry.parameters, "param", path, module._parameters)
        if module._buffers:
            _add_tensors(registry, metas, registry.buffers, "buffer", path, module._buffers)
    _add_alias_names(registry)
    return registry


def _add_tensors(
    registry: Registry, metas: Metas, into: dict[str, Tensor], kind: str, path: str, own: Mapping[str, Tensor | None]
) -> None:
    names = registry.tensor_names
    for leaf, tensor in own.items():
        if tensor is None:
            continue
        name = join(path, leaf)
        known = names.get(id(tensor))
        if known is None:
            names[id(tensor)] = f"{kind}:{name}"
            registry.metas[id(tensor)] = metas.number_or_none(tensor)
            into[name] = tensor
        else:
            registry.tensor_aliases.setdefault(known.partition(":")[2], []).append(name)


def _add_alias_names(registry: Registry) -> None:
    """A tensor of a shared module has a name under each path of that module."""
    for first, others in registry.module_aliases.items():
        for name in [*registry.modules[first]._parameters, *registry.modules[first]._buffers]:
            whole = join(first, name)
            if whole in registry.parameters or whole in registry.buffers:
                registry.tensor_aliases.setdefault(whole, []).extend(join(other, name) for other in others)


def walk(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """(path, module) in the order of ``named_modules(remove_duplicate=False)``; below a module seen before it does not go
    again.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, nn.Module]] = [("", root)]
    while waiting:
        path, module = waiting.pop()
        yield path, module
        if id(module) in seen:
            continue
        seen.add(id(module))
        waiting.extend(
            (join(path, name), child) for name, child in reversed(list(module._modules.items())) if child is not None
        )


def join(path: str, name: str) -> str:
    """``fc`` and ``weight`` to ``fc.weight``; the root's path is empty."""
    return f"{path}.{name}" if path else name


def class_path(module: nn.Module) -> str:
    """``torch.nn.modules.linear.Linear``."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


class Layers:
    """Tells layers from other modules; what the class decides is looked at once for each class.

    Args:
        opaque: globs of class paths that count as layers (``timm.layers.*``).
    """

    def __init__(self, opaque: Sequence[str] = ()) -> None:
        self._globs = tuple(opaque)
        self._opaque: dict[type, bool] = {}
        self._torchs: dict[type, bool] = {}

    def is_opaque(self, module: nn.Module) -> bool:
        """Whether one of the globs matches the class of ``module``."""
        if not self._globs:
            return False
        cls = type(module)
        known = self._opaque.get(cls)
        if known is None:
            known = any(fnmatch.fnmatchcase(class_path(module), glob) for glob in self._globs)
            self._opaque[cls] = known
        return known

    def is_layer(self, module: nn.Module) -> bool:
        """Whether ``module`` is a layer: its ``forward`` is torch.nn's own and it has no children, or a glob matches its class.

        ``nn.MultiheadAttention`` counts as one too, and so does a layer whose only child computes its parametrized weights.
        """
        if self._globs and self.is_opaque(module):
            return True
        if isinstance(module, torch.jit.ScriptModule):
            return False
        cls = type(module)
        torchs = self._torchs.get(cls)
        if torchs is None:
            torchs = self._torchs[cls] = _is_torchs(cls.forward)
        if "forward" in module.__dict__:
            torchs = _is_torchs(module.__dict__["forward"])
        if not torchs:
            return False
        if not module._modules:
            return True
        children = [name for name, child in module._modules.items() if child is not None and name != _CONTAINER_OF_TENSORS]
        return not children or isinstance(module, nn.MultiheadAttention)


def _is_torchs(forward: Any) -> bool:
    home = getattr(forward, "__module__", None) or ""
    return home.startswith("torch.nn.modules.") or (home.startswith("torch.ao.nn.") and ".modules." in home)
