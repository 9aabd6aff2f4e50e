"""The dispatch mode of a run without memory.

Whatever depends on a parameter is a :class:`WeightlessTensor`. Whatever depends on none and is small (masks, positions, routing
tables) is computed on real tensors, so code that reads values takes the same branches as with memory. Where values are needed
that don't exist, the mode raises :class:`NeedsValues`, and the model has to be run with memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from modinspect.trace._torch import (
    FAKE_MODE_KEY,
    HigherOrderOperator,
    OpOverload,
    TorchDispatchMode,
    arguments_of,
    can_guard_cuda,
    cuda_looks_available,
    meta_kernels,
    packet_of,
    schema_of,
    see_higher_order_operators,
    storage_of,
)
from modinspect.trace.capture import DECIDED_BY_VALUES, WRITES_STATISTICS, public_name
from modinspect.trace.model import map_tensors
from modinspect.trace.weightless.build_mode import SMALL, elements
from modinspect.trace.weightless.devices import INDEXING, result_device
from modinspect.trace.weightless.kernel_checks import refuse_dtypes, refuse_indices
from modinspect.trace.weightless.memory_layout import LayoutUnknown, laid_out
from modinspect.trace.weightless.needs_values import NeedsValues
from modinspect.trace.weightless.shape_rules import GROUPED_MM, grouped_mm, plain_shape
from modinspect.trace.weightless.tensor import META, WeightlessTensor, meta_like, tensors_in

_ATEN = torch.ops.aten
_DEVICE = torch.ops.prim.device.default
_CPU = torch.device("cpu")

_CHECKS_VALUES = frozenset({_ATEN._linalg_check_errors.default, _ATEN._assert_async.default, _ATEN._assert_async.msg})
"""Operators that do nothing but raise for some values."""

_PACK = _ATEN._pack_padded_sequence.default
"""The lengths' values decide the shape of its result, though torch doesn't tag it so."""


class WeightlessMode(TorchDispatchMode):
    """Computes small results whose operands all have values; works out only the shape of all others.

    A real tensor that is written to with a weightless one (``out[idx] = hidden``) becomes stale: its memory is left alone and
    its values count as unknown. If the model would be on another device than the CPU, every tensor is weightless, and those
    with known values carry a CPU tensor with them.

    Args:
        device: where parameters, buffers and inputs would be.

    Attributes:
        in_kernel: weightless tensors report the device ``meta``, as meta kernels need it.
        needed: the first :class:`NeedsValues`, which the model may have caught.
        replace: gives the weightless tensor for a parameter, buffer or input, and any other tensor as it is. Scripted modules
            pass their own to operators, and no call of theirs is seen before.

    Raises:
        NeedsValues: this version of torch can't run as if on a GPU.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled during a run. ``True`` would import dynamo, and sympy with it."""
        return False

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        see_higher_order_operators(WeightlessMode)
        self.device = device
        self.in_kernel = False
        self.needed: NeedsValues | None = None
        self.replace: Callable[[Tensor], Tensor] | None = None
        self._stale: dict[int, Tensor] = {}
        self._skipped_random = False
        self._makes_new: dict[OpOverload, bool] = {}
        self._results: dict[Any, Any] = {}
        if device.type != "cpu":
            self._mode_key = FAKE_MODE_KEY
            if not torch.cuda.is_available() and not can_guard_cuda():
                raise NeedsValues(f"torch {torch.__version__} can't run as if on a GPU where there is none")

    def __enter__(self) -> WeightlessMode:
        self._around = ExitStack()
        if self.device.type == "cuda":
            self._around.enter_context(cuda_looks_available())
        entered: WeightlessMode = super().__enter__()
        return entered

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._around.close()

    def value_of(self, tensor: Tensor) -> Tensor | None:
        """A real tensor with the values of ``tensor``; ``None`` if they are unknown."""
        value = tensor._value if type(tensor) is WeightlessTensor else None if tensor.is_meta else tensor
        return None if value is not None and self._stale and storage_of(value) in self._stale else value

    def with_values(self, container: Any) -> Any:
        """``container`` with real tensors in place of weightless ones; all their values must be known."""
        return map_tensors(self._known_value, container)

    def copied(self, tensor: WeightlessTensor) -> WeightlessTensor:
        """Another tensor on the same memory that is not a view."""
        with self._kernel():
            meta = tensor.detach()
        return WeightlessTensor.make(meta, self, tensor._on, value=tensor._value)

    def lift(self, tensor: Tensor, *, keep_value: bool) -> WeightlessTensor:
        """A weightless tensor in place of ``tensor``, on the model's device.

        Args:
            tensor: a real or meta tensor.
            keep_value: carry the values of a small tensor along.
        """
        meta = tensor.detach() if tensor.is_meta else meta_like(tensor)
        value = tensor.detach().clone() if keep_value and not tensor.is_meta and tensor.numel() <= SMALL else None
        made = WeightlessTensor.make(meta, self, self.device, value=value)
        if tensor.requires_grad and self.device.type == "cpu":  # torch aborts if autograd records on a device that isn't there
            made.requires_grad_()
        return made

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return self._dispatch(func, args, kwargs or {})
        except NeedsValues as need:
            self.needed = self.needed or need  # a bare ``except:`` of the model's may swallow it
            raise

    def _dispatch(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func is _DEVICE:
            return args[0].device
        if isinstance(func, HigherOrderOperator):
            raise NeedsValues(f"{func} can't run without memory")
        tensors = [tensor for value in (*args, *kwargs.values()) for tensor in tensors_in(value)]
        replace = self.replace
        if replace is not None and any(type(tensor) is not WeightlessTensor for tensor in tensors):
            args, kwargs = map_tensors(replace, args), map_tensors(replace, kwargs)
            tensors = list(map(replace, tensors))
        values = [self.value_of(tensor) for tensor in tensors]
        known = not any(value is None for value in values)
        real = not any(type(tensor) is WeightlessTensor or tensor.is_meta for tensor in tensors)
        stays = kwargs.get("device") is None or torch.device(kwargs["device"]).type == "cpu"
        if real and stays and (func.is_view or (known and self._worth_running(func, values, args, kwargs))):
            return func(*args, **kwargs)  # a view of a stale tensor shares its storage and so is stale, too
        device = result_device(func, tensors, args, kwargs, self._device_of, self.device)
        if known and not (real and stays) and self._worth_running(func, values, args, kwargs):
            return self._run_on_values(func, tensors, device, args, kwargs)
        return self._run_on_shapes(func, tensors, device, args, kwargs)

    def _device_of(self, tensor: Tensor) -> torch.device:
        return self.device if type(tensor) is not WeightlessTensor and tensor.is_meta else tensor.device

    def _worth_running(self, func: OpOverload, values: list[Any], args: Any, kwargs: dict[str, Any]) -> bool:
        """Whether the operands are small, and the result doesn't depend on random numbers that follow skipped ones."""
        if self._skipped_random and torch.Tag.nondeterministic_seeded in func.tags:
            return False
        if values:
            count: int = sum(value.numel() for value in values)
            return count <= SMALL
        return not (args and isinstance(args[0], (list, tuple)) and elements(args, kwargs) > SMALL)

    # -- operators that are run

    def _run_on_values(
        self, func: OpOverload, tensors: list[Tensor], device: torch.device, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Runs the operator on the CPU tensors that its operands carry; the result carries its own."""
        on_cpu = {**kwargs, "device": _CPU} if "device" in kwargs else kwargs
        operand_of = {id(value): tensor for tensor in tensors if (value := self.value_of(tensor)) is not None}
        out = func(*self.with_values(args), **self.with_values(on_cpu))
        if device.type == "cpu":
            return out
        if not DECIDED_BY_VALUES.isdisjoint(func.tags):
            return map_tensors(lambda value: WeightlessTensor.make(meta_like(value), self, device, value=value), out)
        shaped = self._run_on_shapes(func, tensors, device, args, kwargs, marks_stale=False)
        results = iter(tensors_in(shaped))

        def with_value(value: Tensor) -> Tensor:
            tensor = next(results)
            if id(value) in operand_of:
                return operand_of[id(value)]
            if type(tensor) is WeightlessTensor:
                tensor._value = value
            return tensor

        return map_tensors(with_value, out)

    def _known_value(self, tensor: Tensor) -> Tensor:
        value = self.value_of(tensor)
        assert value is not None
        return value

    # -- operators whose result is only a shape

    def _run_on_shapes(
        self,
        func: OpOverload,
        tensors: list[Tensor],
        device: torch.device,
        args: Any,
        kwargs: dict[str, Any],
        *,
        marks_stale: bool = True,
    ) -> Any:
        """Works out the shape of the result; the operands that ``func`` writes to become stale if ``marks_stale``."""
        refuse_indices(func, args, self.value_of)
        if func in INDEXING:
            args = self._masks_to_indices(args)
        elif func in _CHECKS_VALUES or func is _PACK or not DECIDED_BY_VALUES.isdisjoint(func.tags):
            raise NeedsValues(f"{_public(func)} needs the values of a tensor")
        self._skipped_random = self._skipped_random or (marks_stale and torch.Tag.nondeterministic_seeded in func.tags)
        key = _key(func, args, kwargs) if self._returns_new(func) else None
        if key is not None and key in self._results:
            return self._make_again(self._results[key], device)
        if marks_stale:
            refuse_dtypes(func, tensors, device, args, kwargs)
            for tensor in _written(func, args, kwargs):
                self._make_stale(tensor)
        if "device" in kwargs or not tensors:
            kwargs = {**kwargs, "device": META}
        metas = _MetaOperands()
        out = self._run_meta_kernel(func, map_tensors(metas.meta_of, args), map_tensors(metas.meta_of, kwargs))
        if metas.any_resized():
            raise NeedsValues(f"{_public(func)} changes the size of a tensor")
        try:
            out = laid_out(func, args, kwargs, out, device)
        except LayoutUnknown as error:
            raise NeedsValues(f"the memory layout that {_public(func)} gives its result can't be worked out") from error
        if key is not None:
            self._results[key] = map_tensors(lambda tensor: (tensor.size(), tensor.stride(), tensor.dtype), out)
        base = tensors[0] if tensors and func.is_view else None

        def wrap(tensor: Tensor) -> Tensor:
            if type(tensor) is WeightlessTensor:
                return tensor
            operand = metas.operand_of(tensor)
            return operand if operand is not None else WeightlessTensor.make(tensor, self, device, view_of=base)

        return map_tensors(wrap, out)

    def _run_meta_kernel(self, func: OpOverload, args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            with self._kernel():
                out = plain_shape(func, args, kwargs)
                if out is not None:
                    return out
                return grouped_mm(*args) if func is GROUPED_MM else func(*args, **kwargs)
        except Exception as error:
            if isinstance(error, NotImplementedError) or func.namespace != "aten":
                raise NeedsValues(f"{_public(func)} has no meta kernel, which would give its result's shape") from error
            raise

    def _returns_new(self, func: OpOverload) -> bool:
        """Whether results share no memory with operands, so that they can be made from their shapes."""
        found = self._makes_new.get(func)
        if found is None:
            schema = schema_of(func)
            aliased = any(item.alias_info is not None for item in (*schema.arguments, *schema.returns))
            found = self._makes_new[func] = not aliased and func not in WRITES_STATISTICS and func not in INDEXING
        return found

    def _make_again(self, made: Any, device: torch.device) -> Any:
        """A new result like an earlier one; ``made`` has (size, stride, dtype) in place of its tensors."""
        if not isinstance(made, (tuple, list)):
            return made  # not a tensor
        if made and isinstance(made[0], torch.Size):
            size, stride, dtype = made
            return WeightlessTensor.make(torch.empty_strided(size, stride, dtype=dtype, device=META), self, device)
        return type(made)(self._make_again(item, device) for item in made)

    def _masks_to_indices(self, args: Any) -> Any:
        """``x[mask]`` as ``x[mask.nonzero()]``: the shape depends on the values of the mask."""
        indices: list[Tensor | None] = []
        for index in args[1]:
            if index is None or index.dtype not in (torch.bool, torch.uint8):
                indices.append(index)
            elif (mask := self.value_of(index)) is None:
                raise NeedsValues("indexing with a mask needs the mask's values")
            else:
                indices.extend(mask.nonzero(as_tuple=True))
        return (args[0], indices, *args[2:])

    def _make_stale(self, tensor: Tensor) -> None:
        """Makes the values of ``tensor`` and of its views unknown."""
        value = self.value_of(tensor)
        if value is None:
            return
        storage = storage_of(value)
        if storage is None:
            raise NeedsValues("a tensor without a storage is written to")
        if not value.untyped_storage().resizable():
            raise NeedsValues("memory shared with NumPy is written to")
        self._stale[storage] = value  # keeps the storage alive, so that no other one gets its address

    @contextmanager
    def _kernel(self) -> Iterator[None]:
        """Weightless tensors are plain meta tensors inside the block."""
        before = self.in_kernel
        with meta_kernels():
            self.in_kernel = True
            try:
                yield
            finally:
                self.in_kernel = before


class _MetaOperands:
    """Meta tensors in place of an operator's real operands."""

    def __init__(self) -> None:
        self._metas: dict[int, Tensor] = {}
        self._operands: dict[int, tuple[Tensor, Tensor]] = {}

    def meta_of(self, tensor: Tensor) -> Tensor:
        """``tensor`` itself if it has no memory; otherwise one meta tensor for all its uses."""
        if type(tensor) is WeightlessTensor or tensor.is_meta:
            return tensor
        if id(tensor) not in self._metas:
            self._metas[id(tensor)] = meta = meta_like(tensor)
            self._operands[id(meta)] = (meta, tensor)
        return self._metas[id(tensor)]

    def operand_of(self, meta: Tensor) -> Tensor | None:
        """The operand that ``meta`` was made for."""
        found = self._operands.get(id(meta))
        return None if found is None else found[1]

    def any_resized(self) -> bool:
        """Whether the operator changed the size of an operand in place."""
        return any(meta.size() != operand.size() for meta, operand in self._operands.values())


def _key(func: OpOverload, args: Any, kwargs: dict[str, Any]) -> Any:
    """Everything that decides the result's shape; ``None`` if an argument can't be hashed."""
    try:
        key = (func, _signature(args), _signature(kwargs))
        hash(key)
    except TypeError:
        return None
    return key


def _signature(value: Any) -> Any:
    """The part of an argument that decides the result's shape."""
    if isinstance(value, Tensor):
        if value.layout is not torch.strided:
            raise TypeError
        return (value.size(), value.stride(), value.dtype, value._on if type(value) is WeightlessTensor else None)
    if isinstance(value, (list, tuple)):
        return (type(value), *[_signature(item) for item in value])
    if isinstance(value, dict):
        return tuple([(name, _signature(item)) for name, item in value.items()])
    return (type(value), value)


def _written(func: OpOverload, args: Any, kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """The operands that ``func`` writes to."""
    if func in WRITES_STATISTICS:
        *statistics, training = WRITES_STATISTICS[func]
        yield from tensors_in([args[index] for index in statistics if args[training]])
    for index, argument in enumerate(arguments_of(func)):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from tensors_in(kwargs.get(argument.name) if argument.kwarg_only else args[index : index + 1])


def _public(func: OpOverload) -> str:
    return public_name(packet_of(func))
