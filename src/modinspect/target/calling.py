"""Calls the user's code and explains arguments that don't fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any

from modinspect.errors import TargetError
from modinspect.signatures import Misfit, argument_names, complaint, misfit, show_signature, signature_of
from modinspect.usercode import user_code
from modinspect.wording import did_you_mean, sentences

Remedy = Callable[[Misfit, Signature], str]


def call(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], *, doing: str, name: str, missing: Remedy | None = None
) -> Any:
    """Calls a class or function.

    Args:
        function: what to call.
        args: its positional arguments.
        kwargs: its keyword arguments.
        doing: what is being done, for errors that it raises: ``building 'net.py:Net'``.
        name: what messages call it.
        missing: says what to do about missing arguments.

    Raises:
        TargetError: the arguments don't fit, or it raised.
    """
    with user_code(TargetError, doing):
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            # checked after the call: a decorator may fill in arguments that the signature requires
            signature = signature_of(function)
            found = misfit(signature, len(args), kwargs) if signature else None
            if signature is None or found is None:
                raise
            own_name = getattr(function, "__name__", None) or name
            message = f"{name!r} {complaint(found, len(args))}. Its signature:\n{show_signature(own_name, signature)}"
            raise TargetError(message, _remedy(found, signature, missing)) from error


def _remedy(found: Misfit, signature: Signature, missing: Remedy | None) -> str:
    if found.unknown:
        known = [name for name in argument_names(signature) if not name.startswith("*")]
        return sentences(*(did_you_mean(name, known) for name in found.unknown))
    if found.twice or found.surplus or found.unnamed_only:
        return ""
    if found.missing[0].name == "self":
        return "It is an instance method: name a class method, or a function that creates the instance and calls it."
    unnamed = [p.name for p in found.missing if p.kind is Parameter.POSITIONAL_ONLY]
    if unnamed:
        return f"Write {' and '.join(unnamed)} in the call behind the target, as in pkg.mod:Class(64)."
    return missing(found, signature) if missing is not None else ""
