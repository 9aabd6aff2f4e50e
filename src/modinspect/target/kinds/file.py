"""``path/to/file.py:Class``: a file, imported as a module.

A file in a package is imported under its full name, so relative imports work. Other files can import their siblings, as scripts
can.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from types import ModuleType

from modinspect.errors import TargetError
from modinspect.target.importing import import_existing, importable_cwd, scope_of, walk, why_import_failed, working_directory
from modinspect.target.kinds.colon import CALL, NAMES
from modinspect.target.parse import Found, Kind, Target, Wanted
from modinspect.usercode import relative, user_code
from modinspect.wording import nearest, printable, sentences

_PATH = r"""(?P<place>[^"']+?\.py|[^"']*[\\/][^"':()]*|\.\.?)"""


def _find(target: Target, wanted: Wanted) -> Found:
    file = _existing(target.place)
    root, module_name = _home(file)
    with importable_cwd(root):
        _forget_namesakes(root)
        module = _import_file(file, root, module_name)
        obj = walk(module, target.place, target.name.split("."), wanted) if target.name else module
    return Found(obj, scope_of(obj, module), (root,))


def _existing(path: str) -> str:
    """The absolute path of a Python file that exists."""
    if os.path.isdir(path):
        raise TargetError(f"{path!r} is a directory", "Name a Python file in it: path/to/file.py:Class.")
    if not os.path.isfile(path):
        raise TargetError(f"there is no file {path!r}", _near_file(path))
    if not path.endswith(".py"):
        raise TargetError(f"{path!r} isn't a Python file", "Its name must end in .py.")
    return os.path.abspath(path)


def _near_file(path: str) -> str:
    directory, name = os.path.split(path)
    stem, dot, rest = name.partition(".py.")
    if dot:
        return f"A colon follows the file: {printable(os.path.join(directory, stem))}.py:{printable(rest)}"
    if os.path.isfile(f"{path}.py"):
        return f"Did you mean {f'{path}.py'!r}?"
    here = f"The working directory is {working_directory()!r}."
    try:
        names = [entry for entry in os.listdir(directory or ".") if entry.endswith(".py")]
    except (OSError, ValueError):
        return sentences(f"There is no directory {directory!r} either." if directory else "", here)
    close = nearest(name, names)
    return f"Did you mean {os.path.join(directory, close[0])!r}?" if close else here


def _home(file: str) -> tuple[str, str]:
    """The directory above the outermost package, and the module's dotted name from there."""
    directory, name = os.path.split(file)
    stem = name[: -len(".py")]
    parts = [] if stem == "__init__" else [stem]
    while os.path.isfile(os.path.join(directory, "__init__.py")) and os.path.basename(directory).isidentifier():
        directory, package = os.path.split(directory)
        parts.insert(0, package)
    return directory, ".".join(parts) or stem


def _forget_namesakes(root: str) -> None:
    """Drops modules of an earlier target from another directory that have the name of a module in ``root``.

    Without this, ``new/model.py:Net`` would get the code of ``old/model.py:Net``, loaded before. Only modules from directories
    that aren't importable now are dropped: never the standard library or installed packages.
    """
    importable = {os.path.realpath(entry or ".") for entry in sys.path if isinstance(entry, str)}
    for name in _provided(root):
        file = getattr(sys.modules.get(name), "__file__", None)
        if not isinstance(file, str) or name == "__main__":
            continue
        home = os.path.dirname(os.path.dirname(file) if hasattr(sys.modules[name], "__path__") else file)
        if os.path.realpath(home) not in importable:
            for stale in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(f"{name}.")]:
                del sys.modules[stale]


def _provided(root: str) -> list[str]:
    """The names of the modules and packages in a directory."""
    entries = os.listdir(root)
    files = [entry[: -len(".py")] for entry in entries if entry.endswith(".py")]
    return files + [entry for entry in entries if os.path.isfile(os.path.join(root, entry, "__init__.py"))]


def _import_file(file: str, root: str, name: str) -> ModuleType:
    """Imports ``file`` as the module ``name``, or under a unique name if that name belongs to another file."""
    if _leads_to(file, root, name):
        return import_existing(name)
    alone = f"modinspect_target_{os.path.basename(file)[: -len('.py')]}"
    spec = importlib.util.spec_from_file_location(alone, file)
    assert spec is not None
    assert spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[alone] = module  # where dataclasses and pickle look for it
    try:
        with user_code(TargetError, f"importing {relative(file)!r}", why_import_failed):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[alone]
        raise
    return module


def _leads_to(file: str, root: str, name: str) -> bool:
    """Whether importing ``name`` would import ``file``. Imports its packages."""
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    package, _, _ = name.rpartition(".")
    if package:
        top = name.partition(".")[0]
        if not _is(sys.modules.get(top), os.path.join(root, top, "__init__.py")) and top in sys.modules:
            return False  # another package of that name is in use
        import_existing(package)
    importlib.invalidate_caches()
    if name in sys.modules:
        return _is(sys.modules[name], file)
    with user_code(TargetError, f"looking for the module {name!r}"):
        spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None and os.path.realpath(spec.origin) == os.path.realpath(file)


def _is(module: ModuleType | None, file: str) -> bool:
    found = getattr(module, "__file__", None)
    return isinstance(found, str) and os.path.realpath(found) == os.path.realpath(file)


FILE = Kind("file", re.compile(rf"{_PATH}(?::\s*(?P<name>{NAMES}))?{CALL}", re.DOTALL), _find)
