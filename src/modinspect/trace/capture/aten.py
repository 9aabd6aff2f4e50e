"""The ATen operators that run: a dispatch mode that reports each, and the sum of those that one op became."""

from __future__ import annotations

import functools
from typing import Any, Protocol

import torch
from torch import Tensor

from modinspect.trace._torch import (
    DisableTorchFunction,
    HigherOrderOperator,
    OpOverload,
    TorchDispatchMode,
    arguments_of,
    is_composite,
    see_higher_order_operators,
)
from modinspect.trace.capture.classify import mutated_positions, operands_of
from modinspect.trace.capture.flop_estimates import estimate_flops
from modinspect.trace.capture.flops import count_flops, has_formula
from modinspect.trace.capture.records import CallSignature
from modinspect.trace.model import flatten

_ATEN = torch.ops.aten

_ASKED = (
    "sym_is_contiguous is_contiguous is_strides_like_format is_non_overlapping_and_dense size sym_size stride sym_stride "
    "storage_offset sym_storage_offset numel sym_numel dim"
).split()

_QUERIES = frozenset(
    getattr(packet, overload)
    for packet in [*(getattr(_ATEN, name, None) for name in _ASKED), torch.ops.prim.layout, torch.ops.prim.device]
    if packet is not None  # torch 2.6 lacks the first
    for overload in packet.overloads()
    if overload in ("default", "memory_format")
)
"""Questions about shapes that some tensor subclasses ask through the dispatcher; they are not operators."""

WRITES_STATISTICS = {
    _ATEN.native_batch_norm.default: (3, 4, 5),
    _ATEN.cudnn_batch_norm.default: (3, 4, 5),
    _ATEN.miopen_batch_norm.default: (3, 4, 5),
}
"""Batch norm writes to its running mean and variance if ``training`` is set, which its schema doesn't say."""

_COND: Any = torch.ops.higher_order.cond


def count(func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> tuple[int | None, int | None]:
    """(FLOPs, FLOPs with estimates) of an operator; ``None`` if unknown.

    Args:
        func: the operator
        args: its positional arguments
        kwargs: its arguments by name
        out: its result
    """
    try:
        flops = count_flops(func, args, kwargs, out)
    except Exception:  # a formula that fails on odd tensors must not fail the user's forward
        flops = None
    try:
        return flops, estimate_flops(func, args, kwargs, out, flops)
    except Exception:
        return flops, None


DECIDED_BY_VALUES = frozenset({torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output})
"""Tags of operators that have results whose shapes or values in Python depend on the values of operands."""


class AtenCapture:
    """The ATen operators that one op became."""

    def __init__(self, index: int, *, transformed: bool = False) -> None:
        self.index = index
        self.transformed = transformed
        self.funcs: list[Any] = []
        self._flops = 0
        self._uncounted = False
        self._estimate: int | None = 0
        self._written: list[Tensor] = []

    def add(self, func: Any, flops: int | None, estimate: int | None, written: list[Tensor]) -> None:
        """One more operator."""
        self.funcs.append(func)
        self._flops += flops or 0
        self._uncounted = self._uncounted or flops is None
        self._estimate = None if estimate is None or self._estimate is None else self._estimate + estimate
        self._written += written

    @property
    def by_values(self) -> bool:
        """Whether the values of operands decide what runs next, as torch's tags say."""
        return any(isinstance(func, OpOverload) and not DECIDED_BY_VALUES.isdisjoint(func.tags) for func in self.funcs)

    @property
    def all_torchs(self) -> bool:
        """Whether all operators are torch's own: others may be written in Python and do anything."""
        return all(isinstance(func, OpOverload) and func.namespace == "aten" for func in self.funcs)

    def write_to(self, signature: CallSignature, func: Any, operands: list[Tensor]) -> None:
        """Writes what ran into ``signature``."""
        signature.aten = tuple(str(func) for func in self.funcs)
        signature.flops = None if self._uncounted and not self._flops else self._flops
        signature.estimate = self._estimate
        signature.uncounted = self._uncounted
        signature.mutates = mutated_positions(func, operands, self._written)


class OperatorListener(Protocol):
    """Hears of each ATen operator."""

    def on_operator(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, written: list[Tensor]) -> None:
        """An operator ran."""

    def on_operator_error(self, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """An operator raised."""

    def before_write(self, tensor: Tensor) -> None:
        """An operator is about to write to ``tensor``."""


class AtenMode(TorchDispatchMode):
    """Reports each ATen operator to a listener."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled meanwhile, so dynamo need not be kept out: that would import it, and sympy with it."""
        return False

    def __init__(self, listener: OperatorListener) -> None:
        super().__init__()
        see_higher_order_operators(AtenMode)
        self._listener = listener

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # The function mode is on if the operator was called by a function that it doesn't see.
        with DisableTorchFunction():
            if func in _QUERIES:
                return func(*args, **kwargs)
            if func is _COND:
                predicate, if_true, if_false, operands = args
                branch = if_true if predicate else if_false
                with self:
                    return branch(*operands)
            if isinstance(func, HigherOrderOperator):
                out = func(*args, **kwargs)
                self._listener.on_operator(func, args, kwargs, out, [])
                return out
            if _is_composite(func) and not any(tensor.is_nested for _, tensor in operands_of(args, kwargs)):
                with self:
                    return func.decompose(*args, **kwargs)
            written = self._before_writes(func, args, kwargs)
            try:
                out = func(*args, **kwargs)
            except Exception as error:
                self._listener.on_operator_error(func, args, kwargs, error)
                raise
            if func.namespace != "prim":
                self._listener.on_operator(func, args, kwargs, out, written)
            return out

    def _before_writes(self, func: OpOverload, args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
        arguments = _written_arguments(func)
        if func in WRITES_STATISTICS:
            *statistics, training = WRITES_STATISTICS[func]
            arguments = tuple(statistics) if args[training] else ()
        if not arguments:
            return []
        values = (kwargs.get(key) if isinstance(key, str) else args[key : key + 1] for key in arguments)
        written = [tensor for value in values for _, tensor in flatten(value)]
        for tensor in written:
            self._listener.before_write(tensor)
        return written


@functools.cache
def _is_composite(func: OpOverload) -> bool:
    """Whether ``func`` is made of others and arrived whole, as it does in inference mode."""
    return not has_formula(func) and is_composite(func)


@functools.cache
def _written_arguments(func: OpOverload) -> tuple[int | str, ...]:
    """The arguments that ``func`` writes to: indices, and names for keyword-only ones."""
    return tuple(
        argument.name if argument.kwarg_only else index
        for index, argument in enumerate(arguments_of(func))
        if argument.alias_info is not None and argument.alias_info.is_write
    )
