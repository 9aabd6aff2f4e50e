"""The registered half of a report: what can be said of a model's modules, parameters and buffers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from modinspect.report import ModuleInfo, Shape, StateTensor
from modinspect.trace.registry import Registry, is_layer, walk
from modinspect.trace.tensors import dtype_name, shape_of


@dataclass(frozen=True, slots=True)
class Size:
    """Of parameters: how many elements, how many of them trainable, how many bytes."""

    numel: int = 0
    trainable: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ModuleRun:
    """What one module's calls came to; ``flops`` is ``None`` where nothing of it was counted, though there was something."""

    calls: int = 0
    flops: int | None = 0
    uncounted_ops: int = 0
    output_shapes: tuple[Shape | None, ...] = ()


@dataclass(frozen=True)
class RegisteredHalf:
    """The modules, parameters and buffers of a model. ``device`` is where they are, several joined by commas."""

    modules: tuple[ModuleInfo, ...]
    parameters: tuple[StateTensor, ...]
    buffers: tuple[StateTensor, ...]
    size: Size
    buffer_bytes: int
    device: str


def registered_half(
    registry: Registry,
    opaque: Sequence[str] = (),
    device: str | None = None,
    runs: Mapping[str, ModuleRun] | None = None,
    used: Collection[str] | None = None,
) -> RegisteredHalf:
    """The registered half; parameters count each tensor once.

    Args:
        registry: the model's modules and tensors.
        opaque: globs of classes that count as layers.
        device: said of all tensors, where they have no memory.
        runs: what each module's calls came to, by path; ``None`` where nothing ran.
        used: the names of the parameters and buffers that some op got; ``None`` where nothing ran.
    """
    sizes = {id(tensor): _size(tensor) for tensor in [*registry.parameters.values(), *registry.buffers.values()]}
    below = _sizes_below(registry, sizes)
    none = ModuleRun()
    modules = tuple(
        module_info(
            path,
            module,
            below[path],
            opaque,
            (runs or {}).get(path, none),
            aliases=tuple(registry.module_aliases.get(path, ())),
        )
        for path, module in registry.modules.items()
    )
    tensors = [*registry.parameters.values(), *registry.buffers.values()]
    return RegisteredHalf(
        modules,
        tuple(_state(name, tensor, registry, device, used) for name, tensor in registry.parameters.items()),
        tuple(_state(name, tensor, registry, device, used) for name, tensor in registry.buffers.items()),
        _total(sizes[id(tensor)] for tensor in registry.parameters.values()),
        sum(sizes[id(tensor)].bytes for tensor in registry.buffers.values()),
        device or ", ".join(sorted({str(tensor.device) for tensor in tensors})) or "cpu",
    )


def module_info(
    path: str,
    module: nn.Module,
    size: Size,
    opaque: Sequence[str],
    run: ModuleRun,
    *,
    registered: bool = True,
    aliases: tuple[str, ...] = (),
) -> ModuleInfo:
    """One module; ``size`` is that of the unique parameters at or under it."""
    return ModuleInfo(
        path=path,
        class_name=type(module).__name__,
        registered=registered,
        layer=is_layer(module, opaque),
        calls=run.calls,
        params=size.numel,
        own_params=sum(_size(tensor).numel for tensor in own_parameters(module).values()),
        trainable_params=size.trainable,
        param_bytes=size.bytes,
        flops=run.flops,
        output_shapes=run.output_shapes,
        uncounted_ops=run.uncounted_ops,
        training=module.training,
        repr_line=_extra_repr(module),
        aliases=aliases,
    )


def own_parameters(module: nn.Module) -> dict[int, Tensor]:
    """The parameters that ``module`` holds itself, by identity."""
    return {id(tensor): tensor for tensor in module._parameters.values() if tensor is not None}


def size_below(module: nn.Module) -> Size:
    """The size of the unique parameters at or under ``module``."""
    unique = {key: tensor for _, child in walk(module) for key, tensor in own_parameters(child).items()}
    return _total(_size(tensor) for tensor in unique.values())


def _sizes_below(registry: Registry, sizes: dict[int, Size]) -> dict[str, Size]:
    """The size at or under each module, by path."""
    if registry.module_aliases or registry.tensor_aliases:
        return {path: size_below(module) for path, module in registry.modules.items()}
    sums = {path: [0, 0, 0] for path in registry.modules}
    for path, module in reversed(registry.modules.items()):  # children stand behind their parents
        mine = sums[path]
        for tensor in module._parameters.values():
            if tensor is not None:
                _add(mine, sizes[id(tensor)])
        if path:
            parent = sums[path.rpartition(".")[0]]
            for place, value in enumerate(mine):
                parent[place] += value
    return {path: Size(*values) for path, values in sums.items()}


def _add(sums: list[int], size: Size) -> None:
    sums[0] += size.numel
    sums[1] += size.trainable
    sums[2] += size.bytes


def _total(sizes: Iterable[Size]) -> Size:
    sums = [0, 0, 0]
    for size in sizes:
        _add(sums, size)
    return Size(*sums)


def _size(tensor: Tensor) -> Size:
    if nn.parameter.is_lazy(tensor):
        return Size()
    numel = tensor.numel()
    return Size(numel, numel if tensor.requires_grad else 0, numel * tensor.element_size())


def _state(name: str, tensor: Tensor, registry: Registry, device: str | None, used: Collection[str] | None) -> StateTensor:
    return StateTensor(
        name=name,
        aliases=tuple(registry.tensor_aliases.get(name, ())),
        shape=shape_of(tensor),
        dtype=dtype_name(tensor.dtype),
        device=device or str(tensor.device),
        numel=_size(tensor).numel,
        trainable=tensor.requires_grad,
        used=None if used is None else name in used,
    )


def _extra_repr(module: nn.Module) -> str:
    try:
        text = module.extra_repr()
    except Exception:
        return ""
    return text if isinstance(text, str) else ""
