"""What ``modinspect.lint`` and ``assert_clean`` take as inputs, as arguments of ``forward``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modinspect.errors import InputError
from modinspect.registered import buffers, parameters

if TYPE_CHECKING:
    from torch import nn


def arguments(model: nn.Module, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """``args`` and ``kwargs`` of ``forward``.

    Args:
        model: whose ``forward`` it is.
        inputs: a tuple or list of arguments, a dict of them by name, a pair of both, one tensor, one spec or a list of specs
            as ``--input`` takes them (``"1,10"``), or ``None`` for what the model says itself.

    Raises:
        InputError: a spec can't be read, or the model says nothing.
    """
    if inputs is None:
        return _guessed(model)
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    if not isinstance(inputs, (tuple, list)) or hasattr(inputs, "_fields"):
        inputs = (inputs,)
    if inputs and all(isinstance(item, str) for item in inputs):
        return _made(model, tuple(inputs))
    if len(inputs) == 2 and isinstance(inputs[0], (tuple, list)) and isinstance(inputs[1], Mapping):
        return tuple(inputs[0]), dict(inputs[1])
    return tuple(inputs), {}


def _made(model: nn.Module, specs: tuple[str, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    from modinspect.inputs import make_inputs
    from modinspect.session import available_memory

    made = make_inputs(specs, model=model, device=_device(model), available=available_memory())
    return made.args, made.kwargs


def _guessed(model: nn.Module) -> tuple[tuple[Any, ...], dict[str, Any]]:
    from modinspect.inputs import guess_inputs

    found = guess_inputs(model, device=_device(model))
    if found is None:
        raise InputError(f"{type(model).__name__} does not say what its inputs are", 'Give them, as in inputs="1,10".')
    return found.args, found.kwargs


def _device(model: nn.Module) -> Any:
    return next((tensor.device for tensor in (*parameters(model), *buffers(model))), "cpu")
