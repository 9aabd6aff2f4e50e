"""What a model registers: its modules, parameters and buffers with their paths, without recursion and without touching data."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

_CONTAINER_OF_TENSORS = "parametrizations"
"""The child that ``torch.nn.utils.parametrize`` adds to a layer: it computes the layer's own parameters."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered half of a model. ``modules`` are in the order of ``named_modules()``, tensors in that of
    ``named_parameters()``.
    """

    modules: dict[str, nn.Module]
    module_paths: dict[int, str]
    module_aliases: dict[str, list[str]]
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    tensor_aliases: dict[str, list[str]]
    tensor_names: dict[int, str] = field(default_factory=dict)


def register(root: nn.Module) -> Registry:
    """Walks ``root`` once. Shared modules and tied tensors are listed under their first path, the others are aliases."""
    registry = Registry({}, {}, {}, {}, {}, {})
    for path, module in walk(root):
        known = registry.module_paths.setdefault(id(module), path)
        if known != path:
            registry.module_aliases.setdefault(known, []).append(path)
            continue
        registry.modules[path] = module
    for path, module in registry.modules.items():
        for kind, mine, into in (
            ("param", module._parameters, registry.parameters),
            ("buffer", module._buffers, registry.buffers),
        ):
            for name, tensor in mine.items():
                if tensor is not None:
                    _add_tensor(registry, into, f"{kind}:", join(path, name), tensor)
    _add_alias_names(registry)
    return registry


def _add_tensor(registry: Registry, into: dict[str, Tensor], kind: str, name: str, tensor: Tensor) -> None:
    known = registry.tensor_names.setdefault(id(tensor), kind + name)
    if known != kind + name:
        registry.tensor_aliases.setdefault(known.partition(":")[2], []).append(name)
    else:
        into[name] = tensor


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


def is_opaque(module: nn.Module, opaque: Sequence[str]) -> bool:
    """Whether one of the globs matches the class of ``module``."""
    return bool(opaque) and any(fnmatch.fnmatchcase(class_path(module), pattern) for pattern in opaque)


def is_layer(module: nn.Module, opaque: Sequence[str] = ()) -> bool:
    """Whether ``module`` is a layer: its ``forward`` is torch.nn's own and it has no children, or ``opaque`` matches its class.

    ``nn.MultiheadAttention`` counts as one too, and so does a layer whose only child computes its parametrized weights.
    """
    if opaque and is_opaque(module, opaque):
        return True
    if isinstance(module, torch.jit.ScriptModule):
        return False
    forward = module.__dict__.get("forward", type(module).forward)
    home = getattr(forward, "__module__", None) or ""
    if not (home.startswith("torch.nn.modules.") or (home.startswith("torch.ao.nn.") and ".modules." in home)):
        return False
    if not module._modules:
        return True
    children = [name for name, child in module._modules.items() if child is not None and name != _CONTAINER_OF_TENSORS]
    return not children or isinstance(module, nn.MultiheadAttention)
