"""Builds a model whose parameters have a shape but no memory.

Each parameter is moved to ``meta`` as it is registered. Buffers and other tensors stay real, as constructors read their values.
A constructor that asks a parameter for its device gets the answer it would get with memory. One that asks for its values raises
:class:`NeedsValues`: the model has to be built with memory.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from modinspect.errors import RunError
from modinspect.trace._torch import DisableTorchFunction, registered_parameters_through
from modinspect.trace.weightless.build_mode import BuildMode
from modinspect.trace.weightless.needs_values import NeedsValues
from modinspect.trace.weightless.replaced_parameters import ReplacedParameters


@contextmanager
def without_memory() -> Iterator[ReplacedParameters]:
    """Builds modules without memory for their parameters, which are not initialised either.

    At any time at most one parameter has memory.

    Yields:
        The parameters that were replaced.

    Raises:
        NeedsValues: a constructor asked for the values of a parameter, even if it went on without them.
    """
    thread = threading.get_ident()
    replaced = ReplacedParameters()
    mode = BuildMode(replaced)

    def replace(param: nn.Parameter) -> nn.Parameter:
        replaceable = type(param) is nn.Parameter and param.layout is torch.strided
        if not replaceable or param.is_meta or threading.get_ident() != thread:
            return param
        replacement = replaced.get(param)
        if replacement is None:
            replacement = _on_meta(param)
            replaced.add(param, replacement)
        return replacement

    try:
        with registered_parameters_through(replace), mode:
            yield replaced
    except (Exception, NeedsValues):
        if mode.needed is not None:
            raise mode.needed from None
        raise
    if mode.needed is not None:
        raise mode.needed


@contextmanager
def within(limit: int | None, why: str, hint: str) -> Iterator[None]:
    """Limits the memory that parameters of modules built inside the block may take.

    Args:
        limit: in bytes; ``None`` for no limit.
        why: the error's message.
        hint: the error's hint.

    Raises:
        RunError: the parameters exceed the limit.
    """
    if limit is None:
        yield
        return
    seen: dict[int, weakref.ref[nn.Parameter]] = {}
    total = 0

    def count(param: nn.Parameter) -> nn.Parameter:
        nonlocal total
        if not nn.parameter.is_lazy(param):
            total += _bytes(param)
            seen[id(param)] = weakref.ref(param)
            if total > limit:  # some may be freed by now, or counted twice
                total = sum(_bytes(alive) for reference in seen.values() if (alive := reference()) is not None)
                if total > limit:
                    raise RunError(why, hint)
        return param

    with registered_parameters_through(count):
        yield


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _on_meta(param: nn.Parameter) -> nn.Parameter:
    with DisableTorchFunction():
        empty = torch.empty_strided(param.size(), param.stride(), dtype=param.dtype, device="meta")
        replacement = nn.Parameter(empty, requires_grad=param.requires_grad)
    replacement.__dict__.update(param.__dict__)
    return replacement
