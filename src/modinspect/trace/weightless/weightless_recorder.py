"""The recorder of runs without memory: functions get weightless tensors in place of parameters."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modinspect.patching import patched
from modinspect.report import Source
from modinspect.trace._torch import (
    UNGUARDED,
    DisableTorchDispatch,
    function_mode_count,
    is_function_enabled,
    is_tracing,
    scripted_arguments_through,
    storage_of,
    unwrapped,
    without_dispatch_modes,
    without_transforms,
)
from modinspect.trace.capture import (
    EXPOSES,
    READS,
    SET_DATA,
    SETS_FLAGS,
    SILENT,
    AtenCapture,
    CallSignature,
    OpRecord,
    Recorder,
    public_name,
)
from modinspect.trace.model import Layers, Registry, TensorMetaTable
from modinspect.trace.restore import Preserved
from modinspect.trace.weightless.build_mode import SMALL
from modinspect.trace.weightless.kernel_checks import INDEXED
from modinspect.trace.weightless.mode import WeightlessMode
from modinspect.trace.weightless.needs_values import NeedsValues, at_line
from modinspect.trace.weightless.replaced_parameters import ReplacedParameters
from modinspect.trace.weightless.tensor import META, WeightlessTensor, tensors_in
from modinspect.usercode import code_line

_Fresh: TypeAlias = "tuple[CallSignature, torch.Size, tuple[int, ...], torch.dtype, torch.device]"
"""What a call of a known kind returns: (its signature, size, stride, dtype, device). Keeping the signature keeps its ``id``."""


def _without_value(value: Any) -> bool:
    """Whether some tensor in ``value`` has no values."""
    if type(value) is WeightlessTensor:
        return value._value is None
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return False
    return any(map(_without_value, value))


def _do_nothing(*_: Any) -> None:
    pass


def _not_to_numpy(tensor: Tensor, *_: Any, **__: Any) -> Any:
    raise TypeError(
        f"can't convert {tensor.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
    )


class WeightlessRecorder(Recorder):
    """Replaces parameters, and tensors that would be on another device, by weightless tensors before each call.

    Args:
        mode: the dispatch mode of the forward.
        replaced: the parameters that were replaced when the model was built.
        moved: further tensors that would be on the model's device: the inputs.
        registry: as the remaining arguments, see :class:`Recorder`.
    """

    def __init__(
        self,
        mode: WeightlessMode,
        replaced: ReplacedParameters,
        moved: Iterable[Tensor],
        registry: Registry,
        preserved: Preserved,
        metas: TensorMetaTable,
        layers: Layers,
        **options: Any,
    ) -> None:
        super().__init__(registry, preserved, metas, layers, plain=frozenset({WeightlessTensor}), **options)
        self._mode = mode
        self._weightless_by_id: dict[int, tuple[Tensor, Tensor]] = {}
        self._weights = {id(tensor): tensor for tensor in registry.parameters.values()}
        self._replaced = {id(original): (original, replacement) for original, replacement in replaced.alive()}
        self._raised: list[tuple[Exception, str]] = []
        self._fresh: dict[int, _Fresh] = {}
        self._elsewhere = mode.device.type != "cpu"
        elsewhere = () if not self._elsewhere else (*registry.buffers.values(), *moved)
        self._moved = {id(tensor): tensor for tensor in elsewhere}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return self._with_weightless(func, types, args, kwargs)
        except NeedsValues as need:
            need.locate(self._where(sys._getframe(1)))
            self._mode.needed = self._mode.needed or need
            raise

    @contextmanager
    def recording(self, root: nn.Module, edge: CodeType) -> Iterator[None]:
        """See :meth:`Recorder.recording`."""
        with ExitStack() as stack:
            if self._elsewhere:
                stack.enter_context(_methods_unguarded())
                stack.enter_context(scripted_arguments_through(self._replaced_by_weightless))
                stack.enter_context(patched(self._mode, "replace", self._replaced_by_weightless))
            stack.enter_context(super().recording(root, edge))
            yield

    def check(self, error: BaseException | None) -> None:
        """Checks after the run that it took the same branches as with memory.

        Args:
            error: what the forward raised.

        Raises:
            NeedsValues: it may not have.
        """
        if self._mode.needed is not None:
            raise self._mode.needed
        if self.modules.other_thread_modules:
            raise NeedsValues(f"{', '.join(self.modules.other_thread_modules)} ran in another thread")
        if (source := self._compares_class()) is not None:
            raise NeedsValues(f"the exact class of a tensor is asked for{at_line(source)}")
        caught, self._raised = self._raised, []
        while error is not None:
            caught = [(exception, where) for exception, where in caught if exception is not error]
            error = error.__cause__ or error.__context__
        for exception, where in caught:
            raise NeedsValues(
                f"the forward caught {type(exception).__name__} ({exception}){where}, which may differ with memory"
            )

    def _compares_class(self) -> Source | None:
        """A line, in a function that ran, that compares ``type(x)``, which differs without memory."""
        codes = {id(code): code for *_, (code, _, _) in self.ops if code is not None}
        for code in codes.values():
            for start, _, line in code.co_lines():
                if line is not None and _COMPARES_CLASS.search(code_line(code.co_filename, line)):
                    return self.sources.source((code, start, False))
        return None

    def _note_failure(self, error: BaseException, record: OpRecord, tensors: list[Tensor]) -> None:
        super()._note_failure(error, record, tensors)
        if isinstance(error, Exception):
            self._raised.append((error, at_line(self.sources.source(record.source))))

    def _values_of(self, tensor: Tensor) -> Tensor | None:
        return self._mode.value_of(tensor)

    def _with_weightless(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if is_tracing():  # it reads values, and ends the process if there are none
            raise NeedsValues("torch.jit.trace needs the values of tensors")
        if func in SILENT and func not in _ABOUT_DEVICES:
            if func in SETS_FLAGS and self._mode.device.type != "cpu" and type(args[0]) is WeightlessTensor:
                raise NeedsValues(f"autograd can't record on {self._mode.device} without a {self._mode.device.type} device")
            if func == _GRAD and self._has_gradient(args[0]):
                raise NeedsValues("the gradient of a tensor without memory is asked for")
            return func(*args, **kwargs) if kwargs else func(*args)
        args = tuple([self._replaced_by_weightless(value) for value in args])
        if kwargs:
            kwargs = {name: self._replaced_by_weightless(value) for name, value in kwargs.items()}
        if func == SET_DATA and args[0] is args[1]:  # module.to() changes nothing
            return self._look_closely(func, args, {}, None, run=_do_nothing)
        if func in _BRANCHES_ON_CLASS and _without_value(args):
            raise NeedsValues(f"{public_name(func)} treats tensors without memory differently")
        if func in _FROM_DATA:
            args = tuple([self._numbers(func, value) if isinstance(value, (list, tuple)) else value for value in args])
        if func in _TO_NUMPY and type(args[0]) is WeightlessTensor and args[0]._on.type != "cpu":
            return self._look_closely(func, args, kwargs or {}, None, run=_not_to_numpy)
        if func in _NEEDS_VALUES:
            self._check_values(func, args)
        if func is _DETACH and sys._getframe(2).f_code is _MAKE_PARAMETER and type(args[0]) is WeightlessTensor:
            return self._mode.copied(args[0])  # nn.Parameter(x) calls this only for tensor subclasses
        if func is F.one_hot and _without_value(args) and self._mode.device.type == "cpu":
            return self._look_closely(func, args, kwargs or {}, None, run=self._one_hot)
        if self._mode.device.type != "cpu" and func in UNGUARDED:
            return self._look_closely(func, args, kwargs or {}, None, run=UNGUARDED[func])
        return super().__torch_function__(func, types, args, kwargs)

    def _device_of(self, tensor: Tensor) -> torch.device:
        """The model's device for parameters, buffers and inputs that scripted code passes to operators as they are."""
        at_home = type(tensor) is not WeightlessTensor and (
            tensor.is_meta or id(tensor) in self._weights or id(tensor) in self._moved
        )
        return self._mode.device if at_home else super()._device_of(tensor)

    def _learn(
        self, record: OpRecord, capture: AtenCapture, tensors: list[Tensor], out: Any, key: tuple[Any, ...] | None
    ) -> None:
        super()._learn(record, capture, tensors, out, key)
        known = record.signature
        if known.meta is None or known.mutates or known.kind != "compute" or type(out) is not WeightlessTensor:
            return
        if not INDEXED.keys().isdisjoint(capture.funcs):
            return  # the next call may fail for other indices
        if out.requires_grad:
            return  # one made from its shape would have no graph
        if out._view_of is None and out._value is None and all(out is not tensor for tensor in tensors):
            self._fresh[id(known)] = (known, out.size(), out.stride(), out.dtype, out._on)

    def _run_known(self, known: CallSignature, func: Any, args: Any, kwargs: Any) -> Any:
        """Makes the result of a call of a known kind from its shape, without running its operators."""
        fresh = self._fresh.get(id(known))
        if fresh is None or not _without_value((args, kwargs)):
            return super()._run_known(known, func, args, kwargs)
        _, size, stride, dtype, device = fresh
        with DisableTorchDispatch():
            return WeightlessTensor.make(torch.empty_strided(size, stride, dtype=dtype, device=META), self._mode, device)

    def _check_values(self, func: Any, args: Any) -> None:
        for tensor in tensors_in(args):
            if self._mode.value_of(tensor) is None or (func in _NEEDS_MEMORY and type(tensor) is WeightlessTensor):
                raise NeedsValues(f"{public_name(func)} needs the values of a tensor")

    def _where(self, frame: Any) -> str:
        return at_line(self.sources.source(self.sources.find(frame)))

    def _replaced_by_weightless(self, value: Any) -> Any:
        cls = type(value)
        if cls is nn.Parameter or cls is Tensor:
            known = self._weightless_by_id.get(id(value))
            if known is not None and known[0] is value:
                return known[1]
            replaced = self._replaced.get(id(value))
            if replaced is not None:
                return self._replaced_by_weightless(replaced[1])
            inner = unwrapped(value)
            is_weight = id(inner) in self._weights
            if is_weight or inner.is_meta or id(inner) in self._moved:
                if inner is not value:
                    raise NeedsValues("a torch.func transform is applied to a tensor without memory")
                return self._lift(value, keep_value=not is_weight)
            return value
        if cls is tuple or cls is list:
            return cls([self._replaced_by_weightless(item) for item in value])
        if self._elsewhere and cls is not WeightlessTensor and isinstance(value, Tensor):
            self._refuse_class(value)
        return value

    def _refuse_class(self, tensor: Tensor) -> None:
        """Refuses a tensor subclass that would be on another device: only plain tensors can be replaced."""
        storage = storage_of(tensor)  # as_subclass() returns another tensor on the same memory, unseen by any mode
        for known in (*self._weights.values(), *self._moved.values()):
            if known is tensor or (storage is not None and storage_of(known) == storage):
                raise NeedsValues(f"a {type(tensor).__name__}, a subclass of Tensor, can't be imitated on {self._mode.device}")

    def _has_gradient(self, tensor: Tensor) -> bool:
        """Whether ``backward()`` gave a gradient to the tensor that replaces ``tensor``."""
        value, weightless = self._weightless_by_id.get(id(tensor), (None, None))
        return value is tensor and weightless is not None and weightless.grad is not None

    def _numbers(self, func: Any, data: Any) -> Any:
        """The data of a new tensor, with real tensors in place of weightless ones."""
        if _without_value(data):
            raise NeedsValues(f"{public_name(func)} needs the values of a tensor")
        return self._mode.with_values(data) if any(type(tensor) is WeightlessTensor for tensor in tensors_in(data)) else data

    def _one_hot(self, index: Tensor, num_classes: int = -1) -> Tensor:
        """``F.one_hot`` on zeros: it takes another branch for tensors without memory."""
        if num_classes == -1 or index.numel() * num_classes > SMALL:
            raise NeedsValues("torch.nn.functional.one_hot needs the values of a tensor")
        with without_dispatch_modes():
            zeros = torch.zeros(index.size(), dtype=index.dtype)
        made = F.one_hot(zeros, num_classes)
        with without_dispatch_modes():
            return self._mode.lift(made, keep_value=False)

    def _lift(self, value: Tensor, *, keep_value: bool) -> Tensor:
        """Makes the tensor that replaces ``value``, and gives it the same origin."""
        with without_dispatch_modes(), without_transforms():
            weightless = self._mode.lift(value, keep_value=keep_value)
        origin = self.provenance.origin(value)
        if origin is None:
            origin = self.provenance.resolve(value)
        if origin is not None:
            self.provenance.set_origin(weightless, origin)
        self._weightless_by_id[id(value)] = (value, weightless)
        return weightless


def _unguarded(method: Any, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """A method of weightless tensors for calls from inside torch, which no function mode sees."""

    @functools.wraps(method)
    def call(tensor: WeightlessTensor, *args: Any, **kwargs: Any) -> Any:
        seen = function_mode_count() and is_function_enabled()
        return (method if seen or tensor._on.type == "cpu" else otherwise)(tensor, *args, **kwargs)

    return call


@contextmanager
def _methods_unguarded() -> Iterator[None]:
    """Gives weightless tensors methods that need no device guard."""
    methods = {name: method for method in UNGUARDED if getattr(Tensor, name := getattr(method, "__name__", ""), None) is method}
    with ExitStack() as stack:
        for name, method in methods.items():
            stack.enter_context(patched(WeightlessTensor, name, _unguarded(method, UNGUARDED[method])))
        yield


_COMPARES_CLASS = re.compile(
    r"(\btype\([\w.\[\]]+\)|\.__class__)(\.__(qual)?name__)? *(is\b|==|!=|in\b|not in\b)[^#]*\bTensor\b"
)
_BRANCHES_ON_CLASS: frozenset[Any] = frozenset({torch.svd_lowrank, torch.pca_lowrank, torch.lobpcg})
_FROM_DATA: frozenset[Any] = frozenset({torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor})
_TO_NUMPY: frozenset[Any] = frozenset(getattr(Tensor, name) for name in ("numpy", "__array__"))
_DETACH = Tensor.detach
_GRAD = Tensor.grad.__get__  # type: ignore[union-attr]
_MAKE_PARAMETER = nn.Parameter.__new__.__code__
_ABOUT_DEVICES = frozenset(
    [
        *(getattr(Tensor, name).__get__ for name in ("device", "is_meta", "is_cpu", "is_cuda", "is_mps", "is_xpu")),
        Tensor.get_device,
    ]
)
_NEEDS_MEMORY = EXPOSES | {SET_DATA}
_NEEDS_VALUES = (READS | _NEEDS_MEMORY) - {Tensor.__repr__, Tensor.__format__}
