"""The registered half of a report: what can be said of a model's modules, parameters and buffers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from modinspect.report import ModuleInfo, Shape, StateTensor
from modinspect.trace.registry import Registry, is_layer, walk
from modinspect.trace.tensors import dtype_name, shape_of


class Size(NamedTuple):
    """Of parameters: how many elements, how many of them trainable, how many bytes."""

    numel: int = 0
    trainable: int = 0
    bytes: int = 0


class ModuleRun(NamedTuple):
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
    tensors = [*registry.parameters.values(), *registry.buffers.values()]
    sizes = {id(tensor): _size(tensor) for tensor in tensors}
    devices = {tensor.device for tensor in tensors}
    device_names = {where: device or str(where) for where in devices}
    below = _sizes_below(registry, sizes)
    none = ModuleRun()
    modules = tuple(
        module_info(
            path,
            module,
            below[path],
            sum([sizes[key].numel for key in own_parameters(module)]),
            opaque,
            (runs or {}).get(path, none),
            aliases=tuple(registry.module_aliases.get(path, ())),
        )
        for path, module in registry.modules.items()
    )
    parameters, buffers = (
        tuple([
            StateTensor(
                name,
                tuple(registry.tensor_aliases.get(name, ())),
                shape_of(tensor),
                dtype_name(tensor.dtype),
                device_names[tensor.device],
                sizes[id(tensor)].numel,
                tensor.requires_grad,
                None if used is None else name in used,
            )
            for name, tensor in registered.items()
        ])
        for registered in (registry.parameters, registry.buffers)
    )  # fmt: skip
    return RegisteredHalf(
        modules,
        parameters,
        buffers,
        _total(sizes[id(tensor)] for tensor in registry.parameters.values()),
        sum(sizes[id(tensor)].bytes for tensor in registry.buffers.values()),
        device or ", ".join(sorted(map(str, devices))) or "cpu",
    )


def module_info(
    path: str,
    module: nn.Module,
    size: Size,
    own_params: int,
    opaque: Sequence[str],
    run: ModuleRun,
    *,
    registered: bool = True,
    aliases: tuple[str, ...] = (),
) -> ModuleInfo:
    """One module; ``size`` is that of the unique parameters at or under it, ``own_params`` counts its own."""
    return ModuleInfo(
        path=path,
        class_name=type(module).__name__,
        registered=registered,
        layer=is_layer(module, opaque),
        calls=run.calls,
        params=size.numel,
        own_params=own_params,
        trainable_params=size.trainable,
        param_bytes=size.bytes,
        flops=run.flops,
        output_shapes=run.output_shapes,
        uncounted_ops=run.uncounted_ops,
        training=module.training,
        extra_repr=_extra_repr(module),
        aliases=aliases,
    )


def own_parameters(module: nn.Module) -> dict[int, Tensor]:
    """The parameters that ``module`` holds itself, by identity."""
    return {id(tensor): tensor for tensor in module._parameters.values() if tensor is not None}


def size_below(module: nn.Module) -> Size:
    """The size of the unique parameters at or under ``module``."""
    return size_of({key: tensor for _, child in walk(module) for key, tensor in own_parameters(child).items()}.values())


def size_of(tensors: Iterable[Tensor]) -> Size:
    """The size of ``tensors`` together."""
    return _total(map(_size, tensors))


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
    numel, trainable, occupied = size
    sums[0] += numel
    sums[1] += trainable
    sums[2] += occupied


def _total(sizes: Iterable[Size]) -> Size:
    sums = [0, 0, 0]
    for size in sizes:
        _add(sums, size)
    return Size(*sums)


def _size(tensor: Tensor) -> Size:
    if nn.parameter.is_lazy(tensor):
        return Size()
    numel = tensor.numel()
    return Size(numel, numel if tensor.requires_grad else 0, numel * tensor.dtype.itemsize)


def _extra_repr(module: nn.Module) -> str:
    try:
        text = module.extra_repr()
    except Exception:
        return ""
    # Lists of parameters say what they are made of: without memory, that would be torch.meta.FloatTensor.
    return text.replace("torch.meta.", "torch.") if isinstance(text, str) else ""
