"""The names that arguments can use, and which of them they can call."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from modinspect.errors import TargetError
from modinspect.target.expressions import Reference
from modinspect.usercode import user_code
from modinspect.wording import did_you_mean, sentences

_MISSING = object()
_HARMLESS = frozenset(
    {
        "argparse.Namespace",
        "collections.OrderedDict",
        "decimal.Decimal",
        "fractions.Fraction",
        "functools.partial",
        "pathlib.Path",
        "types.SimpleNamespace",
    }
)
"""Classes of the standard library that only store values."""

_ONLY = (
    "Arguments may call classes and functions of the target's module. For anything else, name a function that builds the model."
)


@dataclass(frozen=True)
class Scope:
    """The modules in which names are looked up: the one in the target, then the one that defines its object."""

    modules: tuple[ModuleType, ...]

    def find(self, reference: Reference) -> Any:
        """The object that a reference names.

        Raises:
            TargetError: a name or key doesn't exist, or looking it up raised.
        """
        first, *steps = reference.steps
        found = self._first(str(first), alone=not steps)
        path = str(first)
        for step in steps:
            found = self.step(found, path, step)
            path += f".{step}" if isinstance(step, str) else str(step)
        return found

    def step(self, obj: Any, path: str, step: Any) -> Any:
        """Follows one attribute or key.

        Args:
            obj: what was reached so far
            path: its name, for messages
            step: an attribute's name or a key

        Raises:
            TargetError: it doesn't exist, or looking it up raised.
        """
        if isinstance(step, str):
            with user_code(TargetError, f"looking up {step!r} in {path!r}"):
                value = _MISSING if step.startswith("__") else getattr(obj, step, _MISSING)
            if value is _MISSING:
                raise TargetError(f"{path!r} has no attribute {step!r}", did_you_mean(step, dir(obj)))
            return value
        with user_code(TargetError, f"looking up {step} in {path!r}"):
            try:
                return obj[step.value]
            except LookupError as error:
                raise TargetError(f"{path!r} has no key {step.value!r}", _keys_like(obj, step.value)) from error
            except TypeError as error:
                raise TargetError(f"{path!r} has no keys", "Leave out the brackets.") from error

    def _first(self, name: str, *, alone: bool) -> Any:
        for module in self.modules:
            with user_code(TargetError, f"looking up {name!r} in {module.__name__!r}"):
                value = _MISSING if name.startswith("__") else getattr(module, name, _MISSING)
            if value is not _MISSING:
                return value
        where = self.modules[0].__name__ if self.modules else "the target's module"
        quotes = f"A string needs quotes: {name!r}." if alone else ""
        known = [known for module in self.modules for known in vars(module) if not known.startswith("__")]
        raise TargetError(f"{where!r} has no {name!r}", sentences(did_you_mean(name, known), quotes))


def _keys_like(obj: Any, key: Any) -> str:
    keys = [str(known) for known in obj] if isinstance(obj, Mapping) else []
    return did_you_mean(str(key), keys)


def check_callable(reference: Reference, function: Any, scope: Scope) -> None:
    """Rejects calls that could run arbitrary code, such as ``os.system`` in a module that imports ``os``.

    Args:
        reference: as it was written
        function: which it refers to
        scope: of the target's module

    Raises:
        TargetError: it isn't callable, belongs to the standard library, or is a function of another package that is reached
            through one of its modules.
    """
    if not callable(function):
        raise TargetError(
            f"'{reference}' can't be called: it is of type {type(function).__name__}", "Leave out the parentheses."
        )
    home = getattr(function, "__module__", None) or type(function).__module__
    top = home.partition(".")[0]
    if top in sys.stdlib_module_names and f"{home}.{getattr(function, '__qualname__', '')}" not in _HARMLESS:
        raise TargetError(f"'{reference}' can't be called in an argument: it belongs to Python's module {home!r}", _ONLY)
    own = {module.__name__.partition(".")[0] for module in scope.modules}
    foreign = top not in own and not isinstance(function, type)
    if foreign and isinstance(_holder(reference, scope), ModuleType):
        raise TargetError(f"'{reference}' can't be called in an argument: it is a function of another package, {top!r}", _ONLY)


def _holder(reference: Reference, scope: Scope) -> Any:
    """The object that a reference is an attribute of; ``None`` for a name of the target's module."""
    return scope.find(Reference(reference.steps[:-1])) if len(reference.steps) > 1 else None
