"""What a model registers, read from ``_modules``, ``_parameters`` and ``_buffers``.

The methods of ``nn.Module`` that list the same may be shadowed by the model's own data: ``self.parameters = {"lr": 0.1}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn

_USED_BY_TRAIN = ("train", "eval", "children", "named_children", "modules", "named_modules")


def walk(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """(path, module) in the order of ``named_modules(remove_duplicate=False)``, without the children of repeated modules."""
    seen: set[int] = set()
    waiting: list[tuple[str, nn.Module]] = [("", model)]
    while waiting:
        path, module = waiting.pop()
        yield path, module
        if id(module) in seen:
            continue
        seen.add(id(module))
        waiting.extend(
            (join(path, name), child) for name, child in reversed(list(module._modules.items())) if child is not None
        )


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """As ``model.named_modules()``."""
    seen: set[int] = set()
    for path, module in walk(model):
        if id(module) not in seen:
            seen.add(id(module))
            yield path, module


def modules(model: nn.Module) -> Iterator[nn.Module]:
    """As ``model.modules()``."""
    return (module for _, module in named_modules(model))


def named_parameters(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """As ``model.named_parameters()``."""
    return _named_tensors(model, "_parameters")


def parameters(model: nn.Module) -> Iterator[Tensor]:
    """As ``model.parameters()``."""
    return (tensor for _, tensor in named_parameters(model))


def buffers(model: nn.Module) -> Iterator[Tensor]:
    """As ``model.buffers()``."""
    return (tensor for _, tensor in _named_tensors(model, "_buffers"))


def _named_tensors(model: nn.Module, registry: str) -> Iterator[tuple[str, Tensor]]:
    seen: set[int] = set()
    for path, module in named_modules(model):
        for name, tensor in getattr(module, registry).items():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                yield join(path, name), tensor


def switch_mode(model: nn.Module, method: Literal["train", "eval"]) -> None:
    """Calls ``model.train()`` or ``model.eval()``.

    If data of some module shadows a method that these need, ``training`` is set instead.
    """
    found = list(modules(model))
    if any(name in vars(module) and not callable(vars(module)[name]) for module in found for name in _USED_BY_TRAIN):
        for module in found:
            module.training = method == "train"
    elif method == "train":
        model.train()
    else:
        model.eval()


def join(path: str, name: str) -> str:
    """``fc`` and ``weight`` to ``fc.weight``; the root's path is empty."""
    return f"{path}.{name}" if path else name
