"""Where in the code a module or a tensor is registered, and where a mode switch is overridden."""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
from collections.abc import Iterator
from types import CodeType
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

import torch
from torch import nn

from modinspect.report import Source
from modinspect.usercode import code_line, relative

_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential, nn.ParameterList, nn.ParameterDict)
_TORCH = os.path.join(os.path.dirname(os.path.abspath(torch.__file__)), "")
_FILLING = frozenset({"append", "extend", "insert", "update", "add_module"})
_REGISTERING = frozenset({"add_module", "register_module", "register_parameter", "register_buffer"})


def declared(model: nn.Module, name: str) -> Source | None:
    """The line that registers ``name`` in the innermost class outside torch that holds it: ``self.fc = nn.Linear(...)``.

    Where no such line is found, that of the class; ``None`` where the code can't be read.
    """
    inside = False
    for owner, attribute in _owners(model, name):
        for cls in type(owner).__mro__:
            if not _is_outside(cls):
                continue
            found = (_filling(cls, attribute) if inside else None) or _assignment(cls, attribute)
            if found is not None:
                return found
        inside = isinstance(owner, _CONTAINERS)
    for owner, _ in _owners(model, name):
        if _is_outside(type(owner)):
            return _class_line(type(owner))
    return None


def method(model: nn.Module, path: str) -> Source | None:
    """The line of the innermost ``train`` or ``eval`` that overrides torch's, at the module ``path`` or above it."""
    for owner, _ in _owners(model, f"{path}.training" if path else "training"):
        for name in ("train", "eval"):
            override = owner.__dict__.get(name, getattr(type(owner), name))
            code = getattr(override, "__code__", None)
            if isinstance(code, CodeType) and not code.co_filename.startswith(_TORCH):
                return _source(code.co_filename, _definition(code), getattr(code, "co_qualname", code.co_name))
    return None


def _owners(model: nn.Module, name: str) -> Iterator[tuple[nn.Module, str]]:
    """(module, attribute) on the way to ``name``, the innermost first."""
    steps = []
    module: Any = model
    for attribute in name.split("."):
        steps.append((module, attribute))
        module = module._modules.get(attribute) if isinstance(module, nn.Module) else None
        if module is None:
            break
    yield from reversed(steps)


def _is_outside(cls: type) -> bool:
    """Whether ``cls`` is somebody's own, and not torch's."""
    return cls is not object and not cls.__module__.startswith("torch.")


def _class_line(cls: type) -> Source | None:
    found = _parsed(cls)
    return None if found is None else _source(found[0], found[2], cls.__qualname__)


def _assignment(cls: type, attribute: str) -> Source | None:
    """The line of ``cls`` that registers ``attribute``."""
    found = _parsed(cls)
    if found is None:
        return None
    file, tree, first = found
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if _registers(node, attribute):
                return _source(file, first + node.lineno - 1, f"{cls.__qualname__}.{function.name}")  # type: ignore[attr-defined]
    return None


def _filling(cls: type, attribute: str) -> Source | None:
    """The one line of ``cls`` that puts something into the container ``attribute``: ``self.layers.append(...)``."""
    found = _parsed(cls)
    if found is None:
        return None
    file, tree, first = found
    lines = [
        (node.lineno, function.name)
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if _fills(node, attribute)
    ]
    return _source(file, first + lines[0][0] - 1, f"{cls.__qualname__}.{lines[0][1]}") if len(lines) == 1 else None


def _fills(node: ast.AST, attribute: str) -> TypeGuard[ast.Call | ast.Assign]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FILLING:
        return isinstance(node.func.value, ast.Attribute) and node.func.value.attr == attribute
    if isinstance(node, ast.Assign):
        into = [target.value for target in node.targets if isinstance(target, ast.Subscript)]
        return any(isinstance(container, ast.Attribute) and container.attr == attribute for container in into)
    return False


def _registers(node: ast.AST, attribute: str) -> bool:
    if isinstance(node, ast.Assign):
        targets = [leaf for target in node.targets for leaf in ast.walk(target)]
        return any(isinstance(leaf, ast.Attribute) and leaf.attr == attribute for leaf in targets)
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Attribute) and node.target.attr == attribute
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        named = any(isinstance(argument, ast.Constant) and argument.value == attribute for argument in arguments)
        return named and (called in _REGISTERING or called == "setattr")
    return False


_PARSED: WeakKeyDictionary[type, tuple[str, ast.ClassDef, int] | None] = WeakKeyDictionary()


def _parsed(cls: type) -> tuple[str, ast.ClassDef, int] | None:
    """(file, syntax tree, first line) of a class. Remembered for as long as there is the class."""
    if cls not in _PARSED:
        _PARSED[cls] = _parse(cls)
    return _PARSED[cls]


def _parse(cls: type) -> tuple[str, ast.ClassDef, int] | None:
    try:
        lines, first = inspect.getsourcelines(cls)
        file = inspect.getsourcefile(cls)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    return (file, tree, first) if file is not None and isinstance(tree, ast.ClassDef) else None


def _definition(code: CodeType) -> int:
    """The line of ``def``, below any decorators."""
    line = code.co_firstlineno
    while code_line(code.co_filename, line).startswith("@"):
        line += 1
    return line


def _source(file: str, line: int, function: str) -> Source:
    text = code_line(file, line)
    return Source(_shown(file), line, function, text or None)


def _shown(file: str) -> str:
    return relative(file)
