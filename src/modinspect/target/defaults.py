"""Missing arguments: built from their annotated class, or named in a hint."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any

from modinspect.errors import TargetError
from modinspect.signatures import literal_type, misfit, signature_of
from modinspect.target.expressions import Call, Known, WithFields, shown
from modinspect.target.scope import Scope
from modinspect.wording import did_you_mean

_SETTINGS = ("config", "cfg", "conf", "configuration", "args", "arguments", "hparams", "params", "options", "opts", "settings")
"""Names for an object that holds the settings of a model, and how the names of its class end."""


_TELLING = 3
"""Characters that a name needs to say what it is for."""


@dataclasses.dataclass(frozen=True)
class Filled:
    """The arguments of a constructor, including those filled in, and notes on these."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    notes: tuple[str, ...]


def fill_in(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope) -> Filled:
    """Sets fields by dotted keys, and builds required arguments whose annotated class has only defaults.

    Args:
        function: the class or function to be called.
        args: its positional arguments.
        kwargs: its keyword arguments; a dotted key (``config.n_layer``) sets a field of one.
        scope: the target's module.

    Raises:
        TargetError: a dotted key doesn't start with an argument, or the class of that argument is unknown.
    """
    signature = signature_of(function)
    if signature is None:
        return Filled(tuple(args), dict(kwargs), ())
    given, fields = _split(kwargs)
    positional = list(args)
    notes: list[str] = []
    for name, settings in fields.items():
        index = _index(signature, name)
        if index is not None and index < len(positional):
            positional[index] = WithFields(positional[index], settings)
        elif name in given:
            given[name] = WithFields(given[name], settings)
        else:
            given[name], built = _with_settings(function, signature, name, settings, scope)
            notes += [f"{name} was built as {built}"] if built else []
    found = misfit(signature, len(positional), given)
    for parameter in found.missing if found is not None else ():
        kind = _annotated(function, parameter)
        if kind is not None and parameter.kind is not Parameter.POSITIONAL_ONLY and _needs_nothing(kind):
            given[parameter.name] = Call(Known(kind, kind.__name__))
            notes.append(f"{parameter.name} was built with its defaults: {kind.__name__}()")
    return Filled(tuple(positional), given, tuple(notes))


def _split(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[tuple[str, Any], ...]]]:
    """The arguments, and by argument the dotted names of its fields with their values."""
    given: dict[str, Any] = {}
    fields: dict[str, tuple[tuple[str, Any], ...]] = {}
    for name, value in kwargs.items():
        first, dot, rest = name.partition(".")
        if dot:
            fields[first] = (*fields.get(first, ()), (rest, value))
        else:
            given[name] = value
    return given, fields


def how_to_give(parameters: Sequence[Parameter], function: Any, scope: Scope) -> str:
    """A hint with an ``--init`` for each missing argument, with the classes that it could be built from.

    Args:
        parameters: without a value
        function: which takes them
        scope: of the target's module
    """
    flags = " ".join(_flag(parameter, function, scope) for parameter in parameters)
    unclear = [
        parameter.name
        for parameter in parameters
        if _kind_of_value(parameter) == "VALUE"
        and parameter.annotation is not Parameter.empty
        and not look_alikes(parameter, function, scope)
    ]
    other = f" If {' or '.join(unclear)} can't be written so, name a function that builds the model." if unclear else ""
    return f"Add {flags}.{other}"


def _flag(parameter: Parameter, function: Any, scope: Scope) -> str:
    alike = look_alikes(parameter, function, scope)
    if not alike:
        return f"--init {parameter.name}={_kind_of_value(parameter)}"
    either, *others = [f"--init '{parameter.name}={_example(kind)}'" for kind in alike[:3]]
    return either + "".join(f" (or {other})" for other in others)


def look_alikes(parameter: Parameter, function: Any, scope: Scope) -> tuple[type, ...]:
    """The classes of the target's module that an argument could be an instance of.

    These are its annotated class, or else the classes whose name ends with the argument's: ``GPTConfig`` for ``config``. If
    there are several, those that share the longest prefix with the target's name.

    Args:
        parameter: without a value
        function: which takes it
        scope: of the target's module
    """
    annotated = _annotated(function, parameter)
    if annotated is not None:
        return (annotated,)
    wanted = parameter.name.replace("_", "").lower()
    if _kind_of_value(parameter) != "VALUE" or len(wanted) < _TELLING:
        return ()
    endings = _SETTINGS if wanted in _SETTINGS else (wanted,)
    own = getattr(function, "__name__", "")
    found = {
        value
        for module in scope.modules
        for name, value in list(vars(module).items())
        if isinstance(value, type) and value is not function and name.lower().endswith(endings) and _is_own(value)
    }
    closest = max((_common(kind.__name__, own) for kind in found), default=0)
    return tuple(sorted((kind for kind in found if _common(kind.__name__, own) == closest), key=lambda kind: kind.__name__))


def _common(name: str, other: str) -> int:
    """The length of the common prefix of two names."""
    return next((i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), min(len(name), len(other)))


def _is_own(kind: type) -> bool:
    """Whether a class belongs to neither Python nor torch."""
    top = kind.__module__.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in ("torch", "numpy", "typing_extensions")


def _example(kind: type) -> str:
    signature = signature_of(kind)
    required = misfit(signature, 0, ()) if signature is not None else None
    arguments = [f"{p.name}={_kind_of_value(p)}" for p in required.missing] if required is not None else []
    return f"{kind.__name__}({', '.join(arguments)})"


def _kind_of_value(parameter: Parameter) -> str:
    return literal_type(parameter.annotation) or "VALUE"


def _annotated(function: Any, parameter: Parameter) -> type | None:
    """The annotated class of an argument, if it belongs to neither Python nor torch."""
    kind = parameter.annotation
    if isinstance(kind, str):
        try:
            init = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
            kind = typing.get_type_hints(init).get(parameter.name)
        except Exception:  # annotations can be arbitrary strings
            return None
    return kind if isinstance(kind, type) and _is_own(kind) else None


def _needs_nothing(kind: type) -> bool:
    signature = signature_of(kind)
    return signature is not None and not inspect.isabstract(kind) and misfit(signature, 0, ()) is None


def _index(signature: Signature, name: str) -> int | None:
    """The position of an argument; ``None`` if it is keyword-only."""
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in signature.parameters.values() if p.kind in kinds]
    return names.index(name) if name in names else None


def _with_settings(
    function: Any, signature: Signature, name: str, settings: tuple[tuple[str, Any], ...], scope: Scope
) -> tuple[Any, str]:
    """An argument that wasn't given, with fields set; and how it is built, empty if it is the default.

    It is the default value, or an instance of its class. An argument without a class that is called as settings are
    (``cfg``, ``args``) becomes a namespace.
    """
    parameter = signature.parameters.get(name)
    if parameter is None and any(p.kind is Parameter.VAR_KEYWORD for p in signature.parameters.values()):
        parameter = Parameter(name, Parameter.KEYWORD_ONLY)
    if parameter is None:
        message = f"--init {name}.… sets a field of {name!r}, which isn't an argument"
        raise TargetError(message, did_you_mean(name, signature.parameters))
    if parameter.default is not Parameter.empty and parameter.default is not None:
        return WithFields(parameter.default, settings), ""
    config_class = getattr(function, "config_class", None) if name == "config" else None
    alike = (config_class,) if isinstance(config_class, type) else look_alikes(parameter, function, scope)
    if len(alike) == 1:
        kind = Known(alike[0], alike[0].__name__)
        arguments = ", ".join(f"{field}={shown(value)}" for field, value in settings)
        return WithFields(Call(kind), settings), f"{kind}({arguments})"
    if not alike and name.lower() in _SETTINGS:
        namespace = _namespace(settings, name)
        return namespace, str(namespace)
    which = f"Set it, for example {_flag(parameter, function, scope)}." if alike else f"Set it too: --init {name}=VALUE."
    raise TargetError(f"--init {name}.… sets a field of {name!r}, whose class is unknown", which)


def _namespace(settings: tuple[tuple[str, Any], ...], path: str) -> Call:
    """``SimpleNamespace(model=SimpleNamespace(width=64), depth=2)`` for the fields ``model.width`` and ``depth``."""
    own, nested = _split(dict(settings))
    both = next((name for name in nested if name in own), None)
    if both is not None:
        raise TargetError(f"--init gives {path}.{both} a value, and sets fields of it", "Leave out one of them.")
    inner = {name: _namespace(fields, f"{path}.{name}") for name, fields in nested.items()}
    return Call(Known(SimpleNamespace, "SimpleNamespace"), (), {**inner, **own})
