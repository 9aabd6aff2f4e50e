"""Recognises calls of a kind that was seen before: the same function, metadata of operands and other arguments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modinspect.trace._torch import are_transforms_active, is_autocasting, is_tracing
from modinspect.trace.capture.provenance import Provenance
from modinspect.trace.capture.records import CallSignature, Origin

_grad_enabled = torch.is_grad_enabled
_inference = torch.is_inference_mode_enabled
_default_dtype = torch.get_default_dtype

_ATOMS = frozenset(
    {int, float, bool, str, complex, type(None), type(...), torch.dtype, torch.device, torch.layout, torch.memory_format}
)

_LIMITS = frozenset({int, type(None)})
"""Types of most limits of slices."""

NOT_AN_OP = CallSignature()
"""The signature of calls that are recognised and are no ops."""


class _Uncachable(Exception):
    """An argument whose value can't be part of a key."""


class CallCache:
    """The signatures of calls by key.

    Args:
        provenance: knows the metadata of operands.
        plain: tensor types that are fully described by their metadata.
    """

    def __init__(self, provenance: Provenance, plain: frozenset[type]) -> None:
        self.signatures: dict[tuple[Any, ...], CallSignature] = {}
        self._provenance = provenance
        self._entries = provenance.entries
        self._refreshed = provenance.refreshed_entry
        self._plain = plain

    def find(
        self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor], origins: list[Origin]
    ) -> tuple[tuple[Any, ...] | None, CallSignature | None]:
        """(key, signature) of a call.

        The key is all that decides what the call becomes, ``None`` if that can't be told. The signature is ``None`` if no
        such call was seen before. Appends the operands to ``tensors`` and their origins to ``origins``.

        Args:
            func: the function called
            args: its positional arguments
            kwargs: its arguments by name
            tensors: gets the operands
            origins: gets the operands' origins
        """
        if self._provenance.has_marked or are_transforms_active() or is_autocasting() or is_tracing():
            return None, None
        plain, entries = self._plain, self._entries
        # A tensor's metadata holds until something writes to it, except that a write may make other tensors require grad.
        grad = _grad_enabled()
        parts: list[Any] = [func, grad, _inference(), _default_dtype()]
        try:
            for value in (*args, *kwargs, *kwargs.values()) if kwargs else args:
                cls = type(value)
                if cls in plain:
                    entry = entries.get(id(value))
                    if entry is None or grad or entry[2] is None or entry[0]() is not value:
                        entry = self._refreshed(value)
                    tensors.append(value)
                    origins.append(entry[1])
                    parts.append(entry[2])
                elif cls in _ATOMS:
                    parts += (cls, value)
                else:
                    parts.append(self._part(value, tensors, origins))
            key = tuple(parts)
            return key, self.signatures.get(key)
        except (_Uncachable, TypeError, RuntimeError):  # the last two: an argument without hash, a tensor without strides
            return None, None

    def _part(self, value: Any, tensors: list[Tensor], origins: list[Origin]) -> Any:
        """The part of a key for one argument or one item of a container."""
        cls = type(value)
        if cls in _ATOMS:
            return (cls, value)
        if cls in self._plain:
            entry = self._entries.get(id(value))
            if entry is None or entry[2] is None or entry[0]() is not value or _grad_enabled():
                entry = self._refreshed(value)
            tensors.append(value)
            origins.append(entry[1])
            return entry[2]
        if cls in (tuple, list, torch.Size):
            return (cls, *[self._part(item, tensors, origins) for item in value])
        if cls is slice:
            limits = (value.start, value.stop, value.step)
            if _LIMITS.issuperset(map(type, limits)):  # never bool, which equals an int
                return (cls, limits)
            if not any(isinstance(item, Tensor) for item in limits):
                return (cls, *[self._part(item, tensors, origins) for item in limits])
        raise _Uncachable
