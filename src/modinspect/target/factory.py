"""Makes the model from what a target led to."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from typing import Any

from torch import nn

from modinspect.errors import TargetError
from modinspect.signatures import Misfit, argument_names, complaint, misfit, show_signature, signature_of
from modinspect.target.importing import importable_cwd
from modinspect.target.parse import Target
from modinspect.usercode import user_code
from modinspect.wording import did_you_mean, listed, sentences

_LITERAL_TYPES = {"int": "INT", "float": "FLOAT", "str": "STRING", "bool": "BOOL"}


@dataclass(frozen=True)
class Factory:
    """An imported target and the arguments to build it with.

    ``obj`` is an ``nn.Module`` class, a function that returns a module, or a module. ``directories`` must be importable, beside
    the working directory, while its code runs (:func:`importable_cwd`). ``notes`` say what was decided for the user.
    """

    target: Target
    obj: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    directories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def build(self) -> nn.Module:
        """Calls the class or function; a module that is there already is returned as it is.

        Raises:
            TargetError: the arguments don't fit, the call raised, or what it returned is no module.
        """
        if isinstance(self.obj, nn.Module):
            return self.obj
        if inspect.isabstract(self.obj):
            methods = listed(sorted(self.obj.__abstractmethods__))
            raise TargetError(f"{self.target.path!r} is an abstract class (abstract in it: {methods})", "Name a subclass.")
        with importable_cwd(*self.directories), user_code(TargetError, f"building {self.target.path!r}"):
            built = self._call()
        if isinstance(built, nn.Module):
            return built
        raise TargetError(f"{self.target.path!r} returned {_what(built)}, expected nn.Module", _how_to_return(built))

    def _call(self) -> object:
        try:
            return self.obj(*self.args, **self.kwargs)
        except TypeError as error:
            # only now: a decorator may well fill in what the signature asks for
            signature = signature_of(self.obj)
            found = misfit(signature, len(self.args), self.kwargs) if signature else None
            if signature is None or found is None:
                raise
            what = f"{self.target.path!r} {complaint(found, len(self.args))}"
            name = getattr(self.obj, "__name__", None) or self.target.path
            raise TargetError(
                f"{what}. Its signature:\n{show_signature(name, signature)}", _remedy(found, signature)
            ) from error


def _remedy(found: Misfit, signature: Signature) -> str:
    if found.unknown:
        known = [name for name in argument_names(signature) if not name.startswith("*")]
        return sentences(*(did_you_mean(name, known) for name in found.unknown))
    if found.twice or found.surplus or found.unnamed_only:
        return ""
    if found.missing[0].name == "self":
        return "It is a method of an instance: name a class method, or a function that makes the instance and calls it."
    unnamed = [p.name for p in found.missing if p.kind is Parameter.POSITIONAL_ONLY]
    if unnamed:
        return f"Write {' and '.join(unnamed)} in the call behind the target, as in pkg.mod:Class(64)."
    flags = " ".join(f"--init {p.name}={_kind_of_value(p)}" for p in found.missing)
    complex_ones = [p.name for p in found.missing if _kind_of_value(p) == "VALUE" and p.annotation is not Parameter.empty]
    function = f"If {' or '.join(complex_ones)} can't be written so, name a function that builds the model." if complex_ones else ""
    return sentences(f"Add {flags}.", function)


def _kind_of_value(parameter: Parameter) -> str:
    annotation = getattr(parameter.annotation, "__name__", parameter.annotation)
    return _LITERAL_TYPES.get(str(annotation).strip("'\""), "VALUE")


def _how_to_return(built: object) -> str:
    if built is None:
        return "Does the function lack its return?"
    if isinstance(built, type) and issubclass(built, nn.Module):
        return "It returned the class, not an instance: return a call of it."
    if inspect.iscoroutine(built):
        built.close()  # else Python warns that nobody awaited it
        return "It is async; name a plain function."
    inside = _module_inside(built)
    return f"There is one in it, at [{inside!r}]: name a function that returns that alone." if inside is not None else ""


def _module_inside(built: object) -> object | None:
    items = enumerate(built) if isinstance(built, (list, tuple)) else built.items() if isinstance(built, Mapping) else ()
    return next((key for key, value in items if isinstance(value, nn.Module)), None)


def _what(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return type(value).__name__
