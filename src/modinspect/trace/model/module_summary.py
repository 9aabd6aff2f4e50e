"""The part of a report that needs no run: modules, parameters and buffers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from modinspect.registered import join, walk
from modinspect.report import ModuleInfo, Shape, StateTensor
from modinspect.trace._torch import SPARSE_PARTS, DisableTorchFunction, packed_tensors
from modinspect.trace.model.registry import CONTAINERS_OF_TENSORS, Layers, Registry, mode_of
from modinspect.trace.model.tensors import TensorMetaTable, dtype_name, shape_of


class Size(NamedTuple):
    """Elements, trainable elements and bytes of parameters."""

    numel: int = 0
    trainable: int = 0
    bytes: int = 0


class ModuleRun(NamedTuple):
    """Sums over the calls of a module; ``flops`` is ``None`` if ops ran and none had a formula."""

    calls: int = 0
    flops: int | None = 0
    uncounted_ops: int = 0
    output_shapes: tuple[Shape | None, ...] = ()


class _Module(NamedTuple):
    """A module; ``own`` holds the ids of its parameters, ``children`` those of its modules."""

    path: str
    class_name: str
    layer: bool
    training: bool
    extra_repr: str
    own: tuple[int, ...]
    children: tuple[int, ...]


class _Tensor(NamedTuple):
    """A parameter or buffer, without its name."""

    shape: Shape | None
    dtype: str
    device: str
    size: Size
    trainable: bool
    persistent: bool = True


@dataclass(frozen=True)
class ModuleSummary:
    """The modules, parameters and buffers of a model at one moment, as plain data.

    Attributes:
        device: where parameters and buffers are; several devices are joined by commas.
        packed: the weights of quantized modules, which are no parameters.
    """

    _modules: dict[int, _Module]
    _parameters: dict[str, int]
    _buffers: dict[str, int]
    _tensors: dict[int, _Tensor]
    _module_aliases: Mapping[str, Sequence[str]]
    _tensor_aliases: Mapping[str, Sequence[str]]
    device: str
    packed: tuple[StateTensor, ...] = ()

    @property
    def size(self) -> Size:
        """Of all parameters."""
        return self._size_of(self._parameters.values())

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all buffers."""
        return self._size_of(self._buffers.values()).bytes

    def modules(self, runs: Mapping[str, ModuleRun] | None = None) -> tuple[ModuleInfo, ...]:
        """One row for each module; ``runs`` has the sums over its calls by path, ``None`` if nothing ran."""
        runs, none, below = runs or {}, ModuleRun(), self._sizes_below()
        return tuple([
            _module_info(
                module,
                self._size_of(module.own).numel,
                below[key],
                runs.get(module.path, none),
                aliases=tuple(self._module_aliases.get(module.path, ())),
            )
            for key, module in self._modules.items()
        ])  # fmt: skip

    def parameters(self, used: Collection[str] | None = None) -> tuple[StateTensor, ...]:
        """``used`` has the names of parameters that were operands of ops; ``None`` if nothing ran."""
        return self._state(self._parameters, used)

    def buffers(self, used: Collection[str] | None = None) -> tuple[StateTensor, ...]:
        """``used`` has the names of buffers that were operands of ops; ``None`` if nothing ran."""
        return self._state(self._buffers, used)

    def _state(self, tensors: dict[str, int], used: Collection[str] | None) -> tuple[StateTensor, ...]:
        return tuple([
            StateTensor(
                name,
                tuple(self._tensor_aliases.get(name, ())),
                tensor.shape,
                tensor.dtype,
                tensor.device,
                tensor.size.numel,
                tensor.trainable,
                None if used is None else name in used,
                tensor.persistent,
            )
            for name, tensor in ((name, self._tensors[key]) for name, key in tensors.items())
        ])  # fmt: skip

    def _size_of(self, keys: Iterable[int]) -> Size:
        return total([self._tensors[key].size for key in keys])

    def _sizes_below(self) -> dict[int, Size]:
        """The size of the distinct parameters at or under each module."""
        if self._module_aliases or self._tensor_aliases:
            return {key: self._size_of(self._parameters_below(key)) for key in self._modules}
        below: dict[int, Size] = {}
        for key, module in reversed(self._modules.items()):  # children come after their parents
            below[key] = total([*(self._tensors[own].size for own in module.own), *(below[child] for child in module.children)])
        return below

    def _parameters_below(self, key: int) -> set[int]:
        found: set[int] = set()
        seen: set[int] = set()
        waiting = [key]
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                found.update(self._modules[key].own)
                waiting.extend(self._modules[key].children)
        return found


def summarize(registry: Registry, metas: TensorMetaTable, layers: Layers, device: str | None = None) -> ModuleSummary:
    """Summarizes what a model registers. ``device`` is reported for all tensors if given, as in a run without memory.

    Args:
        registry: the model's modules, parameters and buffers
        metas: shapes and dtypes of its tensors
        layers: says which modules are layers
        device: reported for all tensors if given, as in a run without memory
    """
    describe = _Tensors(registry, metas, device)
    parameters = {name: id(tensor) for name, tensor in registry.parameters.items()}
    buffers = {name: id(tensor) for name, tensor in registry.buffers.items()}
    tensors = {id(tensor): describe(tensor) for tensor in (*registry.parameters.values(), *registry.buffers.values())}
    for key in registry.not_saved:
        tensors[key] = tensors[key]._replace(persistent=False)
    modules = {id(module): _module(path, module, layers) for path, module in registry.modules.items()}
    where = device or ", ".join(sorted({tensor.device for tensor in tensors.values()})) or "cpu"
    aliases = registry.module_aliases, registry.tensor_aliases
    return ModuleSummary(modules, parameters, buffers, tensors, *aliases, where, _packed(registry, where))


def _packed(registry: Registry, device: str) -> tuple[StateTensor, ...]:
    """The weights of quantized modules, named after the module that has ``_packed_params``."""
    found = []
    for path, module in registry.modules.items():
        owner = ".".join(part for part in path.split(".") if part not in CONTAINERS_OF_TENSORS)
        for name, tensor in packed_tensors(module):
            whole, dtype = join(owner, name), dtype_name(tensor.dtype)
            found.append(StateTensor(whole, (), shape_of(tensor), dtype, device, tensor.numel(), False, None))
    return tuple(found)


class _Tensors:
    """Describes registered tensors; those with the same metadata share one description."""

    def __init__(self, registry: Registry, metas: TensorMetaTable, device: str | None) -> None:
        self._numbers = registry.metas
        self._metas = metas
        self._device = device
        self._known: dict[int, _Tensor] = {}

    def __call__(self, tensor: Tensor) -> _Tensor:
        number = self._numbers[id(tensor)]
        if number is None or tensor.layout in SPARSE_PARTS:
            where, trainable = tensor.device, tensor.requires_grad
            return _Tensor(shape_of(tensor), dtype_name(tensor.dtype), self._device or str(where), _size(tensor), trainable)
        known = self._known.get(number)
        if known is None:
            shape, _, dtype, where, trainable = self._metas.known[number]
            numel = shape.numel()
            size = Size(numel, numel if trainable else 0, numel * dtype.itemsize)
            known = _Tensor(tuple(shape), dtype_name(dtype), self._device or str(where), size, trainable)
            self._known[number] = known
        return known


def _module(path: str, module: nn.Module, layers: Layers) -> _Module:
    own = tuple([id(tensor) for tensor in module._parameters.values() if tensor is not None])
    children = tuple([id(child) for child in module._modules.values() if child is not None])
    return _Module(path, type(module).__name__, layers.is_layer(module), mode_of(module), _extra_repr(module), own, children)


def unregistered_info(path: str, module: nn.Module, layers: Layers, borrowed: Collection[int] = ()) -> ModuleInfo:
    """The row of an unregistered module, before anything is known of its run.

    Tensors whose ``id`` is in ``borrowed`` belong elsewhere and don't count.

    Args:
        path: its name in the report
        module: which ran
        layers: says whether it is a layer
        borrowed: the ``id`` of tensors that belong elsewhere and don't count
    """
    own = total([_size(tensor) for key, tensor in own_parameters(module).items() if key not in borrowed]).numel
    size = size_below(module, borrowed)
    return _module_info(_module(path, module, layers), own, size, ModuleRun(), registered=False)


def _module_info(
    module: _Module, own_params: int, size: Size, run: ModuleRun, *, registered: bool = True, aliases: tuple[str, ...] = ()
) -> ModuleInfo:
    return ModuleInfo(
        path=module.path,
        class_name=module.class_name,
        registered=registered,
        layer=module.layer,
        calls=run.calls,
        params=size.numel,
        own_params=own_params,
        trainable_params=size.trainable,
        param_bytes=size.bytes,
        flops=run.flops,
        output_shapes=run.output_shapes,
        uncounted_ops=run.uncounted_ops,
        training=module.training,
        extra_repr=module.extra_repr,
        aliases=aliases,
    )


def own_parameters(module: nn.Module) -> dict[int, Tensor]:
    """The parameters of ``module`` itself, by id."""
    return {id(tensor): tensor for tensor in module._parameters.values() if tensor is not None}


def size_below(module: nn.Module, borrowed: Collection[int] = ()) -> Size:
    """The size of the distinct parameters at or under ``module``, except those whose ``id`` is in ``borrowed``."""
    tensors = {key: tensor for _, child in walk(module) for key, tensor in own_parameters(child).items()}
    return total([_size(tensor) for key, tensor in tensors.items() if key not in borrowed])


def total(sizes: Iterable[Size]) -> Size:
    """The sum of sizes."""
    numel = trainable = occupied = 0
    for size in sizes:
        numel += size.numel
        trainable += size.trainable
        occupied += size.bytes
    return Size(numel, trainable, occupied)


def _size(tensor: Tensor) -> Size:
    if nn.parameter.is_lazy(tensor):
        return Size()
    numel = tensor.numel()
    return Size(numel, numel if tensor.requires_grad else 0, _bytes(tensor))


def _bytes(tensor: Tensor) -> int:
    """Bytes of ``tensor``; of a sparse one, of its stored elements and their indices."""
    parts = SPARSE_PARTS.get(tensor.layout)
    if parts is None:
        return tensor.numel() * tensor.dtype.itemsize
    with DisableTorchFunction():  # not an op of the model's
        return sum(part.numel() * part.dtype.itemsize for part in (get(tensor) for get in parts))


def _extra_repr(module: nn.Module) -> str:
    if type(module).extra_repr is nn.Module.extra_repr and "extra_repr" not in module.__dict__:
        return ""
    try:
        text = module.extra_repr()
    except KeyboardInterrupt:
        raise
    except BaseException:  # also sys.exit(): the report can do without
        return ""
    # A ParameterList names the class of its tensors, which is torch.meta.FloatTensor without memory.
    return text.replace("torch.meta.", "torch.") if isinstance(text, str) else ""
