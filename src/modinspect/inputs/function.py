"""``--input-fn pkg.mod:make``: inputs from a user's function."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from modinspect.errors import InputError, TargetError
from modinspect.inputs.bind import check
from modinspect.inputs.values import Inputs, place
from modinspect.signatures import complaint, misfit, show_signature, signature_of
from modinspect.target import Found, Target, Wanted, evaluate, find, importable_cwd, parse_target, what_it_is
from modinspect.usercode import user_code

_RETURNS = "It returns a tuple (args), a dict (kwargs), a pair of both, or one tensor."
_FUNCTIONS = Wanted("functions", "make", inspect.isfunction)


def call_input_function(text: str, *, model: nn.Module | None = None, device: torch.device | str | None = None) -> Inputs:
    """Calls the function that ``text`` names, with its arguments.

    A returned tuple or list holds positional inputs, a dict holds inputs by name, a pair of both holds both, and anything else
    is the only input.

    Args:
        text: ``pkg.mod:make``, with literal arguments if any
        model: whose ``forward`` has to take the inputs
        device: where the tensors go; as they are if not given

    Raises:
        InputError: the function doesn't exist, raised, or returned nothing.
    """
    try:
        target = parse_target(text)
        found = find(target, _FUNCTIONS)
    except TargetError as error:
        raise InputError(f"--input-fn: {error.message}", error.hint) from error
    args, kwargs = _arguments(_call(found, target), target)
    notes = check(model, len(args), kwargs) if model is not None else ()
    if device is not None:
        args, kwargs = place(args, device), place(kwargs, device)
    return Inputs(args, kwargs, f"--input-fn {target.text}", notes)


def _call(found: Found, target: Target) -> object:
    function = found.obj
    if not callable(function) or isinstance(function, nn.Module):
        raise InputError(f"--input-fn: {target.path!r} is {what_it_is(function)}, not a function", _RETURNS)
    with importable_cwd(*found.directories), user_code(InputError, f"the input function {target.path!r}"):
        args, kwargs = evaluate(target.args, found.scope), evaluate(target.kwargs, found.scope)
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            signature = signature_of(function)
            wrong = misfit(signature, len(target.args), target.kwargs) if signature else None
            if signature is None or wrong is None:
                raise
            message = f"the input function {target.path!r} {complaint(wrong, len(target.args))}. Its signature:\n"
            hint = f"Write the arguments behind it: '{target.path}(...)'." if wrong.missing else ""
            raise InputError(message + show_signature(target.path.rpartition(":")[2], signature), hint) from error


def _arguments(returned: Any, target: Target) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if returned is None or inspect.isgenerator(returned) or inspect.iscoroutine(returned):
        if inspect.iscoroutine(returned):
            returned.close()  # or Python warns that it was never awaited
        what = "None" if returned is None else f"a {type(returned).__name__}"
        raise InputError(f"the input function {target.path!r} returned {what}", _RETURNS)
    if isinstance(returned, Mapping):
        return (), _named(returned, target)
    if not isinstance(returned, (tuple, list)) or hasattr(returned, "_fields"):
        return (returned,), {}
    if len(returned) == 2 and isinstance(returned[0], (tuple, list)) and isinstance(returned[1], Mapping):
        return tuple(returned[0]), _named(returned[1], target)
    return tuple(returned), {}


def _named(returned: Mapping[Any, Any], target: Target) -> dict[str, Any]:
    odd = next((key for key in returned if not isinstance(key, str)), None)
    if odd is not None:
        message = f"the input function {target.path!r} returned a dict with the key {odd!r}, which isn't an argument name"
        raise InputError(message, "To give a dict as one input, return it in a tuple: (batch,).")
    return dict(returned)
