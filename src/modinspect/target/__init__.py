"""From what a user typed to a model: parse, import, build.

    factory = load("torchvision.models.resnet50(num_classes=10)")
    model = factory.build()

Importing and building are separate steps: only the second creates parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from modinspect.errors import TargetError
from modinspect.target.evaluation import evaluate
from modinspect.target.expressions import is_literal
from modinspect.target.importing import importable_cwd, what_it_offers
from modinspect.target.kinds import KINDS
from modinspect.target.parse import Found, Target, Wanted, parse, parse_init, parse_pairs

if TYPE_CHECKING:
    from modinspect.target.factory import Factory

__all__ = [
    "KINDS",
    "Factory",
    "Found",
    "Target",
    "Wanted",
    "evaluate",
    "find",
    "importable_cwd",
    "is_literal",
    "load",
    "parse_init",
    "parse_pairs",
    "parse_target",
    "what_it_is",
]


def __getattr__(name: str) -> object:
    if name == "Factory":  # its module imports torch
        from modinspect.target.factory import Factory

        return Factory
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def parse_target(text: str) -> Target:
    """Parses a target. Imports nothing.

    Raises:
        TargetError: the text doesn't have the form of a target, or an argument can't be read.
    """
    return parse(text, KINDS)


def find(target: Target, wanted: Wanted) -> Found:
    """Imports the object that ``target`` names.

    Raises:
        TargetError: the module, file or name doesn't exist, or importing it raised.
    """
    kind = next(kind for kind in KINDS if kind.kind == target.kind)
    with importable_cwd():
        found = kind.find(target, wanted)
        obj, path = found.obj, replace(target, keys=()).path
        for key in target.keys:
            obj = found.scope.step(obj, path, key)
            path += str(key)
    return replace(found, obj=obj)


def load(target: Target | str, init: Mapping[str, object] | None = None) -> Factory:
    """Imports a target and checks that it can build a model. ``init`` holds further arguments, by name.

    Raises:
        TargetError: the target can't be parsed or imported, or isn't an ``nn.Module`` class, a function or a module.
    """
    from modinspect.target.configured import with_config, with_defaults
    from modinspect.target.factory import Factory

    if isinstance(target, str):
        target = parse_target(target)
    kwargs = _merged(target, init or {})
    wanted = _modules()
    found = find(target, wanted)
    _check_kind(found.obj, target, wanted, arguments=bool(target.args or kwargs))
    return with_defaults(with_config(Factory(target, found.obj, target.args, kwargs, found.directories, (), found.scope)))


def _merged(target: Target, init: Mapping[str, object]) -> dict[str, object]:
    for name in init:
        if name in target.kwargs:
            raise TargetError(f"the argument {name!r} is given twice: in {target.text!r} and by --init", "Give it once.")
    return {**target.kwargs, **init}


def _modules() -> Wanted:
    from torch import nn

    def is_module_class(obj: object) -> bool:
        return isinstance(obj, type) and issubclass(obj, nn.Module)

    return Wanted("nn.Module classes", "Class", is_module_class)


def _check_kind(obj: object, target: Target, wanted: Wanted, *, arguments: bool) -> None:
    from torch import nn

    path = target.path
    if isinstance(obj, nn.Module):
        if arguments:
            raise TargetError(f"{path!r} is a module that is built already: it takes no arguments", "Leave them out.")
    elif isinstance(obj, ModuleType):
        directory = "package" if obj.__file__ else "directory"  # a directory without __init__.py is a package too
        noun = directory if hasattr(obj, "__path__") else "Python file"
        place = path if target.kind == "file" else obj.__name__
        hint = f"Name a class in it: '{place}:Class'. {what_it_offers(obj, wanted)}"
        raise TargetError(f"{path!r} is a {noun}, not a model", hint)
    elif isinstance(obj, type):
        if not wanted.is_one(obj):
            raise TargetError(f"{path!r} is a class, but not a subclass of nn.Module", _chooser(obj, path) or _FITTING)
    elif not callable(obj):
        raise TargetError(f"{path!r} is {what_it_is(obj)}, not a model", _FITTING)


def _chooser(kind: type, path: str) -> str:
    """Advice on a class that only chooses another one, such as ``transformers.AutoModel``."""
    if not callable(getattr(kind, "from_config", None)):
        return ""
    return (
        f"{kind.__name__} chooses a class by its configuration. Name that class, as in transformers.BertModel, or give the "
        f"configuration: '{path}.from_config(BertConfig())'."
    )


_FITTING = "A target is an nn.Module class, a function that returns a module, or a module."


def what_it_is(obj: object) -> str:
    """``an int (5)``, ``a Tensor``."""
    if obj is None:
        return "None"
    shown = repr(obj) if isinstance(obj, (int, float, str, bool, type(None))) else ""
    name = type(obj).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name} ({shown})" if shown and len(shown) <= 40 else f"{article} {name}"
