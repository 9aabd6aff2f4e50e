"""The ATen operators that run: a dispatch mode that tells the recorder of each, and what one op's operators come to."""

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
from modinspect.trace.capture.flops import count_flops, estimate_flops, has_formula
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
"""Questions of shape that tensors with shapes of their own kind ask through the dispatcher; no operators that run."""

WRITES_STATISTICS = {
    _ATEN.native_batch_norm.default: (3, 4, 5),
    _ATEN.cudnn_batch_norm.default: (3, 4, 5),
    _ATEN.miopen_batch_norm.default: (3, 4, 5),
}
"""Batch norm writes to its running mean and variance if its argument ``training`` is set, and its schema says nothing of it."""

_COND: Any = torch.ops.higher_order.cond


def count(func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> tuple[int | None, int | None]:
    """(FLOPs, FLOPs with estimates) of an operator; ``None`` for what is not known."""
    try:
        flops = count_flops(func, args, kwargs, out)
        return flops, flops if flops is not None else estimate_flops(func, args, kwargs, out)
    except Exception:  # a formula that fails on odd tensors must not fail the user's forward: not known
        return None, None


DECIDED_BY_VALUES = frozenset({torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output})
"""Tags of operators whose results the values of their operands decide, and not only fill."""


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
        """Whether the values of the operands decide what they become: torch says so of its operators."""
        return any(isinstance(func, OpOverload) and not DECIDED_BY_VALUES.isdisjoint(func.tags) for func in self.funcs)

    @property
    def all_torchs(self) -> bool:
        """Whether all operators are torch's own: others may be written in Python, and do anything."""
        return all(isinstance(func, OpOverload) and func.namespace == "aten" for func in self.funcs)

    def tell(self, known: CallSignature, func: Any, operands: list[Tensor]) -> None:
        """Writes what was seen into ``known``."""
        known.aten = tuple(str(func) for func in self.funcs)
        known.flops = None if self._uncounted and not self._flops else self._flops
        known.estimate = self._estimate
        known.mutates = mutated_positions(func, operands, self._written)


class Watcher(Protocol):
    """Who is told of the operators."""

    def see(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, written: list[Tensor]) -> None:
        """An operator ran."""

    def lose(self, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """An operator raised."""

    def before_write(self, tensor: Tensor) -> None:
        """An operator is about to write to ``tensor``."""


class AtenMode(TorchDispatchMode):
    """Tells the recorder of each ATen operator."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled meanwhile, so dynamo need not be kept out: that would import it, and sympy with it."""
        return False

    def __init__(self, recorder: Watcher) -> None:
        super().__init__()
        see_higher_order_operators(AtenMode)
        self._recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # The function mode is on where an operator was called by no function that it sees.
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
                self._recorder.see(func, args, kwargs, out, [])
                return out
            if _is_composite(func) and not any(tensor.is_nested for _, tensor in operands_of(args, kwargs)):
                with self:
                    return func.decompose(*args, **kwargs)
            written = self._before_writes(func, args, kwargs)
            try:
                out = func(*args, **kwargs)
            except Exception as error:
                self._recorder.lose(func, args, kwargs, error)
                raise
            if func.namespace != "prim":
                self._recorder.see(func, args, kwargs, out, written)
            return out

    def _before_writes(self, func: OpOverload, args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
        places = _written_places(func)
        if func in WRITES_STATISTICS:
            *statistics, training = WRITES_STATISTICS[func]
            places = tuple(statistics) if args[training] else ()
        if not places:
            return []
        values = (kwargs.get(place) if isinstance(place, str) else args[place : place + 1] for place in places)
        written = [tensor for value in values for _, tensor in flatten(value)]
        for tensor in written:
            self._recorder.before_write(tensor)
        return written


@functools.cache
def _is_composite(func: OpOverload) -> bool:
    """Whether ``func`` is made of others and came here whole, as it does in inference mode."""
    return not has_formula(func) and is_composite(func)


@functools.cache
def _written_places(func: OpOverload) -> tuple[int | str, ...]:
    """The arguments that ``func`` writes to: places, and names of those that are given by name alone."""
    return tuple(
        argument.name if argument.kwarg_only else index
        for index, argument in enumerate(arguments_of(func))
        if argument.alias_info is not None and argument.alias_info.is_write
    )
