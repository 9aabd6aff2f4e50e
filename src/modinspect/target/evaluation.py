"""Evaluates arguments: attributes, literal subscripts and calls only. :mod:`scope` decides what can be called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from modinspect.signatures import signature_of
from modinspect.target.calling import call
from modinspect.target.expressions import Call, Known, Reference, WithFields, shown
from modinspect.target.fields import with_field
from modinspect.target.scope import Scope, check_callable


def evaluate(value: Any, scope: Scope) -> Any:
    """The value of an argument. Calls run again each time.

    Raises:
        TargetError: a name doesn't exist or can't be called, or its call raised.
    """
    if isinstance(value, Known):
        return value.value
    if isinstance(value, Reference):
        return scope.find(value)
    if isinstance(value, Call):
        return _called(value, scope)
    if isinstance(value, WithFields):
        return _with_fields(value, scope)
    if type(value) in (list, tuple):
        return type(value)(evaluate(item, scope) for item in value)
    if type(value) is dict:
        return {key: evaluate(item, scope) for key, item in value.items()}
    return value


def _called(value: Call, scope: Scope) -> Any:
    function = evaluate(value.function, scope)
    if isinstance(value.function, Reference):
        check_callable(value.function, function, scope)
    args, kwargs = evaluate(value.args, scope), evaluate(value.kwargs, scope)
    return call(function, args, kwargs, doing=f"calling {value}", name=str(value.function))


def _with_fields(value: WithFields, scope: Scope) -> Any:
    """Passes fields that are arguments of the call to it, and sets the others on the result."""
    base, fields = value.base, list(value.fields)
    if isinstance(base, Call):
        names = _argument_names(evaluate(base.function, scope))
        own = {name: setting for name, setting in fields if name in names}
        base = Call(base.function, base.args, {**base.kwargs, **own})
        fields = [(name, setting) for name, setting in fields if name not in own]
    made = evaluate(base, scope)
    for name, setting in fields:
        made = with_field(made, name.split("."), evaluate(setting, scope), shown(value.base))
    return made


def _argument_names(function: Callable[..., Any]) -> Iterable[str]:
    signature = signature_of(function)
    return signature.parameters if signature is not None else ()
