"""What can be said of a model without running it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from modinspect.report import ModuleInfo, StateTensor, Totals
from modinspect.trace.registry import Registry, is_layer, walk
from modinspect.trace.tensors import dtype_name, shape_of


@dataclass(frozen=True)
class RegisteredHalf:
    """The modules, none of them run yet, with their parameters and buffers."""

    modules: tuple[ModuleInfo, ...]
    parameters: tuple[StateTensor, ...]
    buffers: tuple[StateTensor, ...]
    totals: Totals
    device: str


def registered_half(registry: Registry, opaque: Sequence[str] = (), device: str | None = None) -> RegisteredHalf:
    """The registered half of a model; parameters count each tensor once. ``device`` is said of tensors without memory."""
    below = _at_or_under(registry)
    modules = tuple(
        module_info(path, module, below[path], opaque, aliases=tuple(registry.module_aliases.get(path, ())))
        for path, module in registry.modules.items()
    )
    everything = registry.parameters.values()
    totals = Totals(
        params=_numel(everything),
        trainable_params=_numel(tensor for tensor in everything if tensor.requires_grad),
        param_bytes=_bytes(everything),
        buffer_bytes=_bytes(registry.buffers.values()),
        ops=0,
        hidden_ops=0,
        flops=0,
        hidden_flops=0,
        uncounted_ops=0,
    )
    return RegisteredHalf(
        modules,
        tuple(_state(name, tensor, registry, device) for name, tensor in registry.parameters.items()),
        tuple(_state(name, tensor, registry, device) for name, tensor in registry.buffers.items()),
        totals,
        device or ", ".join(sorted({str(tensor.device) for tensor in [*everything, *registry.buffers.values()]})) or "cpu",
    )


def module_info(
    path: str,
    module: nn.Module,
    below: dict[int, Tensor],
    opaque: Sequence[str],
    *,
    registered: bool = True,
    aliases: tuple[str, ...] = (),
) -> ModuleInfo:
    """One module that has not run; ``below`` are the unique parameters at or under it."""
    return ModuleInfo(
        path=path,
        class_name=type(module).__name__,
        registered=registered,
        layer=is_layer(module, opaque),
        calls=0,
        params=_numel(below.values()),
        own_params=_numel(own_parameters(module).values()),
        trainable_params=_numel(tensor for tensor in below.values() if tensor.requires_grad),
        param_bytes=_bytes(below.values()),
        flops=0,
        output_shapes=(),
        training=module.training,
        repr_line=_extra_repr(module),
        aliases=aliases,
    )


def own_parameters(module: nn.Module) -> dict[int, Tensor]:
    """The parameters that ``module`` holds itself, by identity."""
    return {id(tensor): tensor for tensor in module._parameters.values() if tensor is not None}


def parameters_below(module: nn.Module) -> dict[int, Tensor]:
    """The unique parameters at or under ``module``."""
    return {key: tensor for _, child in walk(module) for key, tensor in own_parameters(child).items()}


def _at_or_under(registry: Registry) -> dict[str, dict[int, Tensor]]:
    """The unique parameters at or under each module: children first, each merged into its parents."""
    done: dict[str, dict[int, Tensor]] = {}
    waiting = [""]
    open_paths: set[str] = set()
    while waiting:
        path = waiting[-1]
        children = [registry.module_paths[id(child)] for child in registry.modules[path]._modules.values() if child is not None]
        if path in done:
            waiting.pop()
        elif path in open_paths:
            below = own_parameters(registry.modules[path])
            for child in children:
                if child not in done:  # registered inside itself
                    return {name: parameters_below(module) for name, module in registry.modules.items()}
                below.update(done[child])
            done[path] = below
            waiting.pop()
        else:
            open_paths.add(path)
            waiting.extend(child for child in children if child not in done)
    return done


def _numel(tensors: Iterable[Tensor]) -> int:
    return sum(0 if nn.parameter.is_lazy(tensor) else tensor.numel() for tensor in tensors)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(0 if nn.parameter.is_lazy(tensor) else tensor.numel() * tensor.element_size() for tensor in tensors)


def _state(name: str, tensor: Tensor, registry: Registry, device: str | None) -> StateTensor:
    return StateTensor(
        name=name,
        aliases=tuple(registry.tensor_aliases.get(name, ())),
        shape=shape_of(tensor),
        dtype=dtype_name(tensor.dtype),
        device=device or str(tensor.device),
        numel=_numel([tensor]),
        trainable=tensor.requires_grad,
        used=None,
    )


def _extra_repr(module: nn.Module) -> str:
    try:
        text = module.extra_repr()
    except Exception:  # noqa: BLE001 - the user's code; what it says is decoration, and nothing is an answer too
        return ""
    return text if isinstance(text, str) else ""
