"""Running a model whose parameters have a shape but no memory.

What depends on a parameter is a :class:`WeightlessTensor`: a meta tensor that says, as ``FakeTensor`` does and in the same way,
that it is on another device. What depends on no parameter and is small (masks, positions, routing tables) is computed for real,
so that code which looks at values goes the way that it goes in a real run.

Where a value is needed that is not there, :class:`NeedsValues` is raised: the real run has to be done instead. It is no
``Exception``, as a model that catches those must not go on another way than it would.

torch's own ``FakeTensorMode`` is not used: importing what it needs takes a third of the time that ``import torch`` does, and
libraries that recognise its tensors run other code for them than they run for real ones.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator, OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from modinspect.trace._torch import see_higher_order_operators
from modinspect.trace.capture import names
from modinspect.trace.capture.aten import DECIDED_BY_VALUES, WRITES_STATISTICS
from modinspect.trace.model import flatten, map_tensors, storage_of
from modinspect.trace.weightless.build import SMALL, NeedsValues, elements
from modinspect.trace.weightless.kernel_checks import refuse_dtypes, refuse_indices
from modinspect.trace.weightless.memory_format import LayoutUnknown, laid_out
from modinspect.trace.weightless.shape_rules import plain_shape

_ATEN = torch.ops.aten
_DEVICE = torch.ops.prim.device.default


class WeightlessTensor(Tensor):
    """A tensor with shape, dtype and device, but no memory."""

    _mode: WeightlessMode
    _on: torch.device
    _view_of: weakref.ref[Tensor] | None
    _value: Tensor | None

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def make(
        elem: Tensor, mode: WeightlessMode, device: torch.device, *, view_of: Tensor | None = None, value: Tensor | None = None
    ) -> WeightlessTensor:
        """Makes a meta tensor one that says it is on ``device``; ``value`` is the real tensor on the CPU, where it is known."""
        made: WeightlessTensor = Tensor._make_subclass(
            WeightlessTensor, elem, elem.requires_grad, dispatch_device=True, device_for_backend_keys=device
        )
        made._mode = mode
        made._on = device
        made._view_of = None if view_of is None else weakref.ref(view_of)
        made._value = value
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where the tensor would be."""
        return META if self._mode.in_kernel else self._on

    @property
    def _base(self) -> Tensor | None:  # type: ignore[override]
        return None if self._view_of is None else self._view_of()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A parameter made of it is copied as parameters are."""
        if not getattr(self, "_is_param", False):
            return super().__deepcopy__(memo)  # type: ignore[no-any-return]
        if id(self) not in memo:
            memo[id(self)] = nn.Parameter(self.data.clone(memory_format=torch.preserve_format), self.requires_grad)
        copied: Tensor = memo[id(self)]
        return copied

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Outside of its mode: when somebody looks at it after the run, or from another thread."""
        kwargs = kwargs or {}
        mode = next(t._mode for _, t in flatten([args, kwargs]) if isinstance(t, WeightlessTensor))
        return mode.__torch_dispatch__(func, types, args, kwargs)


META = torch.device("meta")
_CPU = torch.device("cpu")


class WeightlessMode(TorchDispatchMode):
    """Runs operators for real where all operands are real and small, and for their shapes alone otherwise.

    A real tensor that is written to with something weightless (``out[idx] = hidden``) counts as weightless from then on: its
    storage is remembered, its memory is left alone. Off the CPU all tensors are weightless; those whose values are known carry
    them along, on the CPU.

    Args:
        device: where parameters, buffers and inputs would be.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled meanwhile, so dynamo need not be kept out: that would import it, and sympy with it."""
        return False

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        see_higher_order_operators(WeightlessMode)
        self.target = device
        self.in_kernel = False
        self.needed: NeedsValues | None = None
        self._stale: dict[int, Tensor] = {}
        self._skipped_random = False
        self._new: dict[OpOverload, bool] = {}
        self._made: dict[Any, Any] = {}
        if device.type != "cpu":
            # What torch does for its own fake tensors: no device is started, and guards for one that is not there do nothing.
            self._mode_key = torch._C._TorchDispatchModeKey.FAKE
            if not torch.cuda.is_available():
                ensure_guard = getattr(torch._C, "_ensureCUDADeviceGuardSet", None)
                if ensure_guard is None:  # up to torch 2.9 at least
                    raise NeedsValues(f"torch {torch.__version__} can't run as if on a GPU where there is none")
                ensure_guard()

    def __enter__(self) -> WeightlessMode:
        self._around = ExitStack()
        if self.target.type == "cuda":
            self._around.enter_context(_cuda_looks_available())
        entered: WeightlessMode = super().__enter__()
        return entered

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._around.close()

    def value_of(self, tensor: Tensor) -> Tensor | None:
        """The real tensor that has the values of ``tensor``; ``None`` where they are not there."""
        value = tensor._value if type(tensor) is WeightlessTensor else None if tensor.is_meta else tensor
        return None if value is not None and self._stale and storage_of(value) in self._stale else value

    def with_values(self, container: Any) -> Any:
        """``container`` with the real tensors that have the values of those in it."""
        return map_tensors(self._value, container)

    def copied(self, tensor: WeightlessTensor) -> WeightlessTensor:
        """Another one that shares its memory, and is no view of it."""
        with self._kernel():
            elem = tensor.detach()
        return WeightlessTensor.make(elem, self, tensor._on, value=tensor._value)

    def lift(self, tensor: Tensor, *, keep_value: bool) -> WeightlessTensor:
        """A weightless stand-in for ``tensor``, on the device where the model would be."""
        elem = tensor.detach() if tensor.is_meta else _meta_like(tensor)
        value = tensor.detach().clone() if keep_value and not tensor.is_meta and tensor.numel() <= SMALL else None
        made = WeightlessTensor.make(elem, self, self.target, value=value)
        if tensor.requires_grad and self.target.type == "cpu":  # elsewhere torch ends the process where a gradient is recorded
            made.requires_grad_()
        return made

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return self._run(func, args, kwargs or {})
        except NeedsValues as need:
            self.needed = self.needed or need  # whoever called may catch whatever is raised
            raise

    def _run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if func is _DEVICE:
            return args[0].device
        if isinstance(func, HigherOrderOperator):
            raise NeedsValues(f"{func} has no rule for shapes alone")
        tensors = [tensor for value in (*args, *kwargs.values()) for tensor in tensors_in(value)]
        values = [self.value_of(tensor) for tensor in tensors]
        known = not any(value is None for value in values)
        real = not any(type(tensor) is WeightlessTensor or tensor.is_meta for tensor in tensors)
        stays = kwargs.get("device") is None or torch.device(kwargs["device"]).type == "cpu"
        if real and stays and (func.is_view or (known and self._worth_running(func, values, args, kwargs))):
            return func(*args, **kwargs)  # a view of a stale tensor shares its storage, and so is stale, too
        device = self._device_of(func, tensors, args, kwargs)
        if known and not (real and stays) and self._worth_running(func, values, args, kwargs):
            return self._with_values(func, tensors, device, args, kwargs)
        return self._for_shapes(func, tensors, device, args, kwargs)

    def _worth_running(self, func: OpOverload, values: list[Any], args: Any, kwargs: dict[str, Any]) -> bool:
        """Whether an operator on known values is small, and depends on no random numbers that come after some not drawn."""
        if self._skipped_random and torch.Tag.nondeterministic_seeded in func.tags:
            return False
        if values:
            count: int = sum(value.numel() for value in values)
            return count <= SMALL
        return not (args and isinstance(args[0], (list, tuple)) and elements(args, kwargs) > SMALL)

    def _with_values(
        self, func: OpOverload, tensors: list[Tensor], device: torch.device, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Runs the operator on the values that its operands carry along; the result carries its own."""
        on_cpu = {**kwargs, "device": _CPU} if "device" in kwargs else kwargs
        owners = {id(value): tensor for tensor in tensors if (value := self.value_of(tensor)) is not None}
        out = func(*map_tensors(self._value, args), **map_tensors(self._value, on_cpu))
        if device.type == "cpu":
            return out
        if torch.Tag.data_dependent_output in func.tags or torch.Tag.dynamic_output_shape in func.tags:
            return map_tensors(lambda value: WeightlessTensor.make(_meta_like(value), self, device, value=value), out)
        shaped = self._for_shapes(func, tensors, device, args, kwargs, writes=False)
        made = iter(tensors_in(shaped))

        def with_value(value: Tensor) -> Tensor:
            tensor = next(made)
            if id(value) in owners:
                return owners[id(value)]
            if type(tensor) is WeightlessTensor:
                tensor._value = value
            return tensor

        return map_tensors(with_value, out)

    def _value(self, tensor: Tensor) -> Tensor:
        value = self.value_of(tensor)
        assert value is not None
        return value

    def _for_shapes(
        self,
        func: OpOverload,
        tensors: list[Tensor],
        device: torch.device,
        args: Any,
        kwargs: dict[str, Any],
        *,
        writes: bool = True,
    ) -> Any:
        """Runs the operator's rule for shapes; ``writes`` says that what it writes to loses its values."""
        refuse_indices(func, args, self.value_of)
        if func in _INDEXING:
            args = self._masks_to_indices(args)
        elif func in _RAISES or func is _PACK or not DECIDED_BY_VALUES.isdisjoint(func.tags):
            raise NeedsValues(f"{_public(func)} needs the values of a tensor")
        self._skipped_random = self._skipped_random or (writes and torch.Tag.nondeterministic_seeded in func.tags)
        key = self._key(func, args, kwargs) if self._makes_new(func) else None
        if key is not None and key in self._made:
            return self._make_again(self._made[key], device)
        if writes:
            refuse_dtypes(func, tensors, device, args, kwargs)
            for tensor in _written(func, args, kwargs):
                self._make_stale(tensor)
        stand_ins: dict[int, Tensor] = {}
        originals: dict[int, Tensor] = {}

        def stand_in(tensor: Tensor) -> Tensor:
            if type(tensor) is WeightlessTensor or tensor.is_meta:
                return tensor
            if id(tensor) not in stand_ins:
                stand_ins[id(tensor)] = made = _meta_like(tensor)
                originals[id(made)] = tensor
            return stand_ins[id(tensor)]

        if "device" in kwargs or not tensors:
            kwargs = {**kwargs, "device": META}
        shaped, options = map_tensors(stand_in, args), map_tensors(stand_in, kwargs)
        try:
            with self._kernel():
                out = plain_shape(func, shaped, options)
                if out is None:
                    out = _grouped_mm(*shaped) if func is _GROUPED_MM else func(*shaped, **options)
        except Exception as error:
            if isinstance(error, NotImplementedError) or func.namespace != "aten":
                raise NeedsValues(f"{_public(func)} has no rule for shapes alone") from error
            raise
        if any(made.size() != originals[id(made)].size() for made in stand_ins.values()):
            raise NeedsValues(f"{_public(func)} gives a tensor another size")
        try:
            out = laid_out(func, args, kwargs, out, device)
        except LayoutUnknown as error:
            raise NeedsValues(f"how {_public(func)} lays out its result is not known without running it") from error
        if key is not None:
            self._made[key] = map_tensors(lambda tensor: (tensor.size(), tensor.stride(), tensor.dtype), out)
        base = tensors[0] if tensors and func.is_view else None

        def wrap(tensor: Tensor) -> Tensor:
            if type(tensor) is WeightlessTensor:
                return tensor
            original = originals.get(id(tensor))
            return original if original is not None else WeightlessTensor.make(tensor, self, device, view_of=base)

        return map_tensors(wrap, out)

    def _makes_new(self, func: OpOverload) -> bool:
        """Whether what ``func`` gives shares no memory with what it gets, so that it can be made from its shape alone."""
        found = self._new.get(func)
        if found is None:
            aliased = func in WRITES_STATISTICS or any(
                item.alias_info is not None for item in (*func._schema.arguments, *func._schema.returns)
            )
            found = self._new[func] = not aliased and func not in _INDEXING
        return found

    def _key(self, func: OpOverload, args: Any, kwargs: dict[str, Any]) -> Any:
        """All that decides the shapes of what ``func`` gives; ``None`` where that can't be said."""
        try:
            key = (func, _signature(args), _signature(kwargs))
            hash(key)
        except TypeError:
            return None
        return key

    def _make_again(self, made: Any, device: torch.device) -> Any:
        if not isinstance(made, (tuple, list)):
            return made  # an answer that is no tensor
        if made and isinstance(made[0], torch.Size):
            size, stride, dtype = made
            return WeightlessTensor.make(torch.empty_strided(size, stride, dtype=dtype, device=META), self, device)
        return type(made)(self._make_again(item, device) for item in made)

    def _masks_to_indices(self, args: Any) -> Any:
        """``x[mask]`` with the mask's values there is ``x[mask.nonzero()]``; without them the shape is not known."""
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
        """From now on the values of ``tensor`` are not known, nor those of its views."""
        value = self.value_of(tensor)
        if value is None:
            return
        storage = storage_of(value)
        if storage is None:
            raise NeedsValues("a tensor without a storage is written to")
        if not value.untyped_storage().resizable():
            raise NeedsValues("what is shared with NumPy is written to")
        self._stale[storage] = value  # held, so that its address can't become another's

    def _device_of(self, func: OpOverload, tensors: list[Tensor], args: Any, kwargs: dict[str, Any]) -> torch.device:
        """Where the result is: where ``device=`` says, or where the operands are. Operands on several devices are an error."""
        asked = kwargs.get("device")
        generator = kwargs.get("generator")
        if generator is not None:
            where = {torch.device(asked).type} if asked is not None else {self._where(tensor).type for tensor in tensors}
            if where - {generator.device.type, "meta"}:
                wanted = min(where)
                raise RuntimeError(f"Expected a '{wanted}' device type for generator but found '{generator.device.type}'")
        if asked is not None:
            return self.target if torch.device(asked).type in ("meta", self.target.type) else torch.device(asked)
        if func in _INDEXING:
            self._check_indices(args)
        devices = {self._where(tensor) for tensor in tensors if tensor.dim() > 0} or {self._where(tensor) for tensor in tensors}
        if len(devices) > 1 and func not in _MIXES_DEVICES:
            first, second = sorted(devices, key=str)[:2]
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {second} and {first}! "
                f"({_public(func)})"
            )
        return self._where(tensors[0]) if len(devices) > 1 else next(iter(devices), self.target)

    def _check_indices(self, args: Any) -> None:
        """Indices may be on the CPU wherever the indexed tensor is, and on no other device than its own."""
        indexed, indices, *values = args
        where = self._where(indexed)
        if any(index is not None and self._where(index) not in (where, _CPU) for index in indices):
            raise RuntimeError(f"indices should be either on cpu or on the same device as the indexed tensor ({where})")
        if values and values[0].dim() > 0 and self._where(values[0]) != where:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {where} and "
                f"{self._where(values[0])}! (torch.ops.aten.index_put)"
            )

    def _where(self, tensor: Tensor) -> torch.device:
        return self.target if type(tensor) is not WeightlessTensor and tensor.is_meta else tensor.device

    @contextmanager
    def _kernel(self) -> Iterator[None]:
        """Inside, weightless tensors are the meta tensors that they are."""
        before = self.in_kernel
        with torch._C._DisableTorchDispatch():
            self.in_kernel = True
            with torch._C._PreserveDispatchKeyGuard():
                torch._C._set_meta_in_tls_dispatch_include(True)
                try:
                    yield
                finally:
                    self.in_kernel = before


@contextmanager
def _cuda_looks_available() -> Iterator[None]:
    """Inside, the model hears that there is a GPU, and autocast is not switched off for want of one."""
    available, bfloat16 = torch.cuda.is_available, torch.cuda.is_bf16_supported
    lacks_amp = torch.cuda.amp.common.amp_definitely_not_available

    def is_available() -> bool:
        asks: str = sys._getframe(1).f_globals.get("__name__", "")
        return asks.partition(".")[0] not in ("torch", "modinspect") or available()

    torch.cuda.is_available = is_available
    torch.cuda.is_bf16_supported = lambda *_, **__: True
    torch.cuda.amp.common.amp_definitely_not_available = lambda: False
    try:
        yield
    finally:
        torch.cuda.is_available = available
        torch.cuda.is_bf16_supported = bfloat16
        torch.cuda.amp.common.amp_definitely_not_available = lacks_amp


_INDEXING = frozenset({_ATEN.index.Tensor, _ATEN.index_put.default, _ATEN.index_put_.default, _ATEN._unsafe_index.Tensor})
_RAISES = frozenset({_ATEN._linalg_check_errors.default, _ATEN._assert_async.default, _ATEN._assert_async.msg})
"""Operators that may raise, and do nothing else."""


_MIXES_DEVICES = frozenset({
    _ATEN.copy_.default, _ATEN._to_copy.default, _ATEN.index.Tensor, _ATEN.index_put.default, _ATEN.index_put_.default,
    _ATEN.set_.source_Tensor, _ATEN._pack_padded_sequence.default, _ATEN._nested_view_from_jagged.default,
})  # fmt: skip

_PACK = _ATEN._pack_padded_sequence.default
"""The lengths decide the shape of what it gives, and torch does not say so of it."""


def _meta_like(tensor: Tensor) -> Tensor:
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        raise NeedsValues(f"a tensor of layout {tensor.layout} meets one without memory")
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device=META)


_GROUPED_MM = getattr(getattr(_ATEN, "_grouped_mm", None), "default", None)  # torch 2.6 has none


def _grouped_mm(a: Tensor, b: Tensor, *_: Any) -> Tensor:
    """The shape of a grouped matmul (torch's own rule takes bfloat16 alone, its kernel on the CPU more).

    (M, K) x (G, K, N) is (M, N), (G, M, K) x (K, N) is (M, N), (M, K) x (K, N) and (G, M, K) x (G, K, N) are (G, M, N).
    """
    if a.dim() == b.dim() == 2:
        raise NotImplementedError
    for matrix in (a, b):
        if max(matrix.stride()[-2:]) * matrix.element_size() % 16:
            raise RuntimeError("strides should be multiple of 16 bytes")
    shape = (a.size(0), b.size(-1)) if a.dim() == 2 else (a.size(-2), b.size(-1))
    return a.new_empty((a.size(0), *shape) if a.dim() == b.dim() else shape)


def tensors_in(value: Any) -> Iterable[Tensor]:
    """The tensors in an argument of an operator."""
    if isinstance(value, Tensor):
        return (value,)
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors_in(item)]
    return ()


def _signature(value: Any) -> Any:
    """What of an argument decides the shape of the result."""
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
    if func in WRITES_STATISTICS:
        *statistics, training = WRITES_STATISTICS[func]
        yield from tensors_in([args[place] for place in statistics if args[training]])
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from tensors_in(kwargs.get(argument.name) if argument.kwarg_only else args[index : index + 1])


def _public(func: OpOverload) -> str:
    return names.public_name(func._overloadpacket)
