"""The modules, parameters and buffers that a model registers, with their paths.

Only ``_modules``, ``_parameters`` and ``_buffers`` are read: an attribute of the model may shadow any method.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from modinspect.errors import RunError
from modinspect.registered import join, walk
from modinspect.trace._torch import is_persistent
from modinspect.trace.model.tensors import TensorMetaTable
from modinspect.usercode import describe

CONTAINERS_OF_TENSORS = frozenset({"parametrizations", "_packed_params", "_all_weight_values"})
"""Children that only hold or compute a layer's weights: of ``torch.nn.utils.parametrize``, and of quantized layers."""


@dataclass(frozen=True, slots=True)
class Registry:
    """What a model registers.

    Attributes:
        modules: by path, in the order of ``named_modules()``.
        module_paths: the first path of each module, by ``id``.
        module_aliases: further paths of shared modules, by first path.
        parameters: by name, in the order of ``named_parameters()``.
        buffers: by name.
        tensor_aliases: further names of tied tensors, by first name.
        tensor_names: ``param:fc.weight`` or ``buffer:bn.running_mean``, by ``id``.
        metas: each tensor's number in the :class:`TensorMetaTable`, by ``id``.
        not_saved: the ids of buffers that ``state_dict()`` leaves out under all their names.
    """

    modules: dict[str, nn.Module]
    module_paths: dict[int, str]
    module_aliases: dict[str, list[str]]
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    tensor_aliases: dict[str, list[str]]
    tensor_names: dict[int, str] = field(default_factory=dict)
    metas: dict[int, int | None] = field(default_factory=dict)
    not_saved: set[int] = field(default_factory=set)


def register(root: nn.Module, metas: TensorMetaTable) -> Registry:
    """Lists what ``root`` registers. Shared modules and tied tensors have their first path; all others are aliases.

    Raises:
        RunError: some module is broken, see :func:`check_modules`.
    """
    try:
        return _register(root, metas)
    except Exception:
        check_modules(root)
        raise


def check_modules(root: nn.Module) -> None:
    """Checks that each module has the attributes of ``nn.Module.__init__``, with modules and tensors in them.

    Raises:
        RunError: a module doesn't.
    """
    waiting: list[tuple[str, Any]] = [("", root)]
    seen: set[int] = set()
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        _check_hash(module)
        what = f"{type(module).__name__} at {path}" if path else type(module).__name__
        for name in ("training", "_parameters", "_buffers", "_modules"):
            if name == "training" and isinstance(module, torch.jit.ScriptModule):
                continue
            try:
                held = getattr(module, name)
            except Exception as error:
                hint = "Call super().__init__() first in its __init__."
                raise RunError(f"{what} is not a working nn.Module: it lacks the attribute {name!r}", hint) from error
            if name != "training":
                _check_held(what, name, held)
        waiting += [(join(path, name), child) for name, child in module._modules.items() if child is not None]


def _check_hash(module: nn.Module) -> None:
    try:
        hash(module)
    except Exception as error:
        raise RunError(
            f"{type(module).__name__} can't be hashed, so torch can't list its parameters ({describe(error)})",
            "A class that defines __eq__ needs a __hash__: __hash__ = nn.Module.__hash__, or @dataclass(eq=False).",
        ) from error


def _check_held(what: str, attribute: str, held: Any) -> None:
    """Checks that ``held`` maps strings to modules or tensors."""
    wanted = nn.Module if attribute == "_modules" else torch.Tensor
    try:
        items = list(held.items())
    except Exception as error:
        raise RunError(f"{what} is not a working nn.Module: its {attribute} can't be read ({describe(error)})") from error
    for name, value in items:
        if not isinstance(name, str):
            raise RunError(f"{what} is not a working nn.Module: the name {name!r} in its {attribute} is not a string")
        if value is not None and not isinstance(value, wanted):
            raise RunError(
                f"{what} is not a working nn.Module: {name!r} in its {attribute} is of type {type(value).__name__}",
                f"torch expects {'a module' if wanted is nn.Module else 'a tensor'} or None there.",
            )


def _register(root: nn.Module, metas: TensorMetaTable) -> Registry:
    registry = Registry({}, {}, {}, {}, {}, {})
    for path, module in walk(root):
        known = registry.module_paths.setdefault(id(module), path)
        if known != path:
            registry.module_aliases.setdefault(known, []).append(path)
            continue
        registry.modules[path] = module
    saved: set[int] = set()
    for path, module in registry.modules.items():
        if module._parameters:
            _add_tensors(registry, metas, registry.parameters, "param", path, module._parameters)
        if module._buffers:
            _add_tensors(registry, metas, registry.buffers, "buffer", path, module._buffers)
            saved |= {id(tensor) for name, tensor in module._buffers.items() if is_persistent(module, name)}
    registry.not_saved.update({id(tensor) for tensor in registry.buffers.values()} - saved)
    _add_alias_names(registry)
    return registry


def _add_tensors(
    registry: Registry, metas: TensorMetaTable, into: dict[str, Tensor], kind: str, path: str, own: Mapping[str, Tensor | None]
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
    """Gives each tensor of a shared module a name under every path of the module."""
    for first, others in registry.module_aliases.items():
        for name in [*registry.modules[first]._parameters, *registry.modules[first]._buffers]:
            whole = join(first, name)
            if whole in registry.parameters or whole in registry.buffers:
                registry.tensor_aliases.setdefault(whole, []).extend(join(other, name) for other in others)


def mode_of(module: nn.Module) -> bool:
    """Whether ``module`` is in train mode. Modules from ``torch.jit.freeze`` have no mode and behave as in eval mode."""
    training: bool = getattr(module, "training", False)
    return training


def saved_modes(modules: Iterable[nn.Module]) -> Callable[[], None]:
    """Saves whether each module is in train mode; the function returned restores that."""
    before = [(module, getattr(module, "training", None)) for module in modules]

    def put_back() -> None:
        for module, training in before:
            if training is None:
                vars(module).pop("training", None)  # train() and eval() add one to a module that had none
            elif module.training != training:
                module.training = training

    return put_back


def class_path(module: nn.Module) -> str:
    """``torch.nn.modules.linear.Linear``."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


class Layers:
    """Decides which modules are layers, and caches what depends only on the class.

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
        """Whether ``module`` is a layer: it has torch.nn's own ``forward`` and no children, or a glob matches its class.

        ``nn.MultiheadAttention`` is one, too, and so is a layer whose only child computes its parametrized weights. A
        module with forward hooks that are not torch's own is not: ``print(model)`` doesn't show what they run.
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
        if not torchs or has_users_hooks(module):
            return False
        if not module._modules:
            return True
        children = [name for name, child in module._modules.items() if child is not None and name not in CONTAINERS_OF_TENSORS]
        return not children or isinstance(module, nn.MultiheadAttention)


def has_users_hooks(module: nn.Module) -> bool:
    """Whether ``module`` has forward hooks or forward pre-hooks other than torch's own (``weight_norm``, pruning, FSDP)."""
    if not module._forward_hooks and not module._forward_pre_hooks:
        return False
    return not all(map(_is_torchs_hook, [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]))


def _is_torchs_hook(hook: Any) -> bool:
    while isinstance(hook, functools.partial):
        hook = hook.func
    home = getattr(hook, "__module__", None) or ""
    if home.startswith("torch."):
        return True
    # an object: a pruning method of the user's own still prunes as torch does
    return any(cls.__module__.startswith("torch.nn.utils.") for cls in type(hook).__mro__)


def _is_torchs(forward: Any) -> bool:
    home = getattr(forward, "__module__", None) or ""
    return home.startswith("torch.nn.modules.") or (home.startswith("torch.ao.nn.") and ".modules." in home)
