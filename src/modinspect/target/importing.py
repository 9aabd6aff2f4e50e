"""Imports targets, and says which part of a name is wrong if that fails."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from modinspect.errors import TargetError
from modinspect.target.parse import Wanted
from modinspect.target.scope import Scope
from modinspect.usercode import root_cause, user_code
from modinspect.wording import did_you_mean, listed, nearest, sentences

_MISSING = object()


@contextmanager
def importable_cwd(*directories: str) -> Iterator[None]:
    """Puts ``directories`` and the working directory first on ``sys.path``, as ``python -m`` does.

    Keep it open while the target is imported, built and run: code may import when it is called. On exit, only the entries added
    here are removed from ``sys.path``.
    """
    here = working_directory()
    inserted = [*directories, *([here] if here else [])]
    sys.path[:0] = inserted
    try:
        yield
    finally:
        for directory in inserted:
            if directory in sys.path:
                sys.path.remove(directory)


def working_directory() -> str | None:
    """The working directory; ``None`` if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def import_module(name: str, asked: str) -> ModuleType:
    """Imports the module ``name``, package by package.

    Raises:
        TargetError: a part of the name isn't a module, or importing one raised.
    """
    importlib.invalidate_caches()  # the file may be new
    module: ModuleType | None = None
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        prefix = ".".join(parts[:i])
        if not module_exists(prefix, module):
            raise _no_module(prefix, module, asked)
        module = import_existing(prefix)
    assert module is not None
    return module


def module_exists(name: str, parent: ModuleType | None) -> bool:
    """Whether the module ``name`` exists. ``parent`` is its imported package; ``None`` for a top-level name."""
    if sys.modules.get(name) is not None:
        return True
    if parent is not None and not hasattr(parent, "__path__"):
        return False
    with user_code(TargetError, f"looking for the module {name!r}"):
        return importlib.util.find_spec(name) is not None


def import_existing(name: str) -> ModuleType:
    """Imports a module that exists: any exception comes from its code."""
    with user_code(TargetError, f"importing {name!r}", why_import_failed, reported=root_cause):
        return importlib.import_module(name)


def walk(start: object, path: str, names: Sequence[str], wanted: Wanted) -> object:
    """Follows ``names`` from ``start``, whose own name is ``path``: attributes first, then submodules.

    Args:
        start: an imported module
        path: its name
        names: one attribute after the other
        wanted: what the target may be, for messages

    Raises:
        TargetError: the name doesn't exist, or looking it up raised.
    """
    dead_ends: list[tuple[object, str, str]] = []
    reached = _follow(start, path, tuple(names), dead_ends)
    if reached is _MISSING:
        raise _no_name(*max(dead_ends, key=lambda end: len(end[1])), wanted)
    return reached


def innermost_module(name: str) -> ModuleType | None:
    """The innermost imported module of a dotted name."""
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((module for prefix in prefixes if (module := sys.modules.get(prefix)) is not None), None)


def scope_of(obj: object, module: ModuleType | None) -> Scope:
    """The modules whose names the arguments of ``obj`` can use: where it was found, and where it is defined."""
    home = sys.modules.get(getattr(obj, "__module__", None) or "")
    return Scope(tuple(dict.fromkeys(known for known in (module, home) if isinstance(known, ModuleType))))


def offers(place: object, wanted: Wanted) -> tuple[str, ...]:
    """The names of wanted objects in ``place``; only those defined there, if there are any."""
    every = (
        {name: value for name, value in list(vars(place).items()) if wanted.is_one(value)} if hasattr(place, "__dict__") else {}
    )
    home = getattr(place, "__name__", None)
    own = tuple(name for name, value in every.items() if getattr(value, "__module__", None) == home)
    return own or tuple(every)


def what_it_offers(place: object, wanted: Wanted) -> str:
    """``Its nn.Module classes: Net, Block.`` Nothing is claimed about the classes of a lazy package."""
    names = offers(place, wanted)
    if names:
        return f"Its {wanted.what}: {listed(names)}."
    modules = _modules_in(place)
    none = "" if _is_lazy(place) else f"It has no {wanted.what}."
    return sentences(none, f"Its modules: {listed(modules)}." if modules else "")


def _is_lazy(place: object) -> bool:
    """Whether a module imports names only when they are looked up."""
    return isinstance(place, ModuleType) and ("__getattr__" in vars(place) or type(place) is not ModuleType)


def _follow(obj: object, path: str, names: tuple[str, ...], dead_ends: list[tuple[object, str, str]]) -> object:
    if not names:
        return obj
    name, rest = names[0], names[1:]
    value = _attribute(obj, path, name)
    inside = f"{path}:{name}" if path.endswith(".py") else f"{path}.{name}"
    reached = _MISSING if value is _MISSING else _follow(value, inside, rest, dead_ends)
    if reached is _MISSING and isinstance(obj, ModuleType):
        # a class or function can hide a submodule of the same name
        full = f"{obj.__name__}.{name}"
        if module_exists(full, obj) and (submodule := import_existing(full)) is not value:
            value, reached = submodule, _follow(submodule, inside, rest, dead_ends)
    if reached is _MISSING:
        dead_ends.append((obj, path, name))
    return reached


def _attribute(obj: object, path: str, name: str) -> object:
    # a lazy package imports here, and wraps the error of a failed import
    with user_code(TargetError, f"looking up {name!r} in {path!r}", why_import_failed, reported=root_cause):
        try:
            return getattr(obj, name)
        except AttributeError:
            return _MISSING


def _no_module(name: str, parent: ModuleType | None, asked: str) -> TargetError:
    last = name.rpartition(".")[2]
    if parent is None:
        known = [module.name for module in pkgutil.iter_modules()]
        looked = f"Searched the working directory and the packages installed for {sys.executable}."
        forms = "" if "." in asked or ":" in asked else "A target starts with a module: pkg.mod:Class."
        meant = _file_meant(asked) or sentences(did_you_mean(last, known), forms, looked)
        return TargetError(f"there is no module {name!r}", meant)
    package = parent.__name__
    if not hasattr(parent, "__path__"):
        return TargetError(
            f"{package!r} is a module, not a package: it has no module {last!r}", _file_meant(asked) or _colon(asked)
        )
    known = _modules_in(parent)
    hint = sentences(did_you_mean(last, known), f"Its modules: {listed(known)}." if known else "It has no modules.")
    return TargetError(f"the package {package!r} has no module {last!r}", hint)


def _modules_in(place: object) -> list[str]:
    """The modules of a package; empty for anything else."""
    return [module.name for module in pkgutil.iter_modules(getattr(place, "__path__", []))]


def _file_meant(asked: str) -> str:
    """A hint for a file of another kind, or a misspelt ``.py``."""
    file, colon, name = asked.partition(":")
    if os.path.isfile(file):
        return f"{file!r} is a file, but not a Python file: its name must end in .py."
    stem, _, suffix = file.rpartition(".")
    if nearest(suffix, ["py"]) and os.path.isfile(f"{stem}.py"):
        return f"Did you mean '{stem}.py{colon}{name}'?"
    return ""


def _colon(asked: str) -> str:
    module, colon, name = asked.partition(":")
    if not colon or "." not in module:
        return ""
    place, _, first = module.rpartition(".")
    return f"A colon ends the module's name: '{place}:{first}.{name}'."


def _no_name(obj: object, path: str, name: str, wanted: Wanted) -> TargetError:
    if isinstance(obj, ModuleType):
        noun = "package" if hasattr(obj, "__path__") else "module"
        file = f"A file is named with a colon: path/to/{path}.py:{wanted.example}." if name == "py" else ""
        meant = file or did_you_mean(name, [*dir(obj), *_modules_in(obj)])
        hint = meant if meant and _is_lazy(obj) else sentences(meant, what_it_offers(obj, wanted))
        return TargetError(f"the {noun} {path!r} has no {name!r}", hint)
    noun = "class" if isinstance(obj, type) else type(obj).__name__
    return TargetError(f"the {noun} {path!r} has no attribute {name!r}", did_you_mean(name, dir(obj)))


def why_import_failed(raised: BaseException) -> str:
    """A hint for an import that raised."""
    if isinstance(raised, ModuleNotFoundError) and raised.name:
        return f"{raised.name!r} isn't installed for {sys.executable}, which runs modinspect."
    if isinstance(raised, SystemExit):
        return "Put code that should only run as a script under: if __name__ == '__main__':"
    if isinstance(raised, ImportError) and "relative import" in str(raised):
        return "Relative imports work inside a package: add __init__.py to its directory, or name the target as pkg.mod:Class."
    return "The module's own code raised this; --traceback prints all frames."
