"""Finds by syntax which private parts of torch a file uses, and what it patches."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

PUBLIC_ENOUGH = frozenset({"_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_base", "_version"})
"""Attributes of modules and tensors that their documentation names, or that torch can't change: old pickles hold them."""

NOT_TORCHS = frozenset({"_exit", "_getframe", "_replace", "_make", "_fields", "_asdict", "_run_exitfuncs", "_filters_mutated"})
"""Private names of the standard library, and methods of named tuples."""

_IN_TEXT = re.compile(r"torch(\.\w+)*\._(?!_)\w*(\.\w+)*")
_RECORDS = ("PrivateUse", "Patch")


def own_names(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Every name that modinspect's own files define: functions, classes, variables, attributes that are set."""
    found = set(NOT_TORCHS)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return frozenset(found)


def private_uses(tree: ast.Module, own: frozenset[str]) -> Iterator[tuple[str, int]]:
    """(name, line) of each private part of torch in a file.

    Chains of attributes are resolved through the file's imports: ``nn.modules._x`` is ``torch.nn.modules._x``. On other
    objects, an attribute is torch's if it begins with an underscore and modinspect defines no such name: ``._schema``.
    Strings count, as ``getattr`` takes them. Names of ATen operators don't: they are not Python API.
    """
    bound = _bound_names(tree)
    skipped = {id(inner) for node in ast.walk(tree) if is_record(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((full, node.lineno) for full in _imported(node) if _is_private(full))
        elif isinstance(node, ast.Attribute):
            skipped |= {id(inner) for inner in ast.walk(node) if isinstance(inner, ast.Attribute)} - {id(node)}
            yield from ((name, node.lineno) for name in _in_chain(node, bound, own))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _IN_TEXT.fullmatch(node.value):
            yield node.value, node.lineno


def is_record(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _RECORDS


def names_a_use(record: str, use: str) -> bool:
    """Whether a record is of a use: ``torch._C._x`` of ``torch._C._x.y``, ``OpOverload._schema`` of ``._schema``."""
    if use.startswith("."):
        return not record.startswith("torch.") and record.endswith(use)
    return f"{use}.".startswith(f"{record}.")


def patches(tree: ast.Module) -> Iterator[str]:
    """The attributes of torch that ``patched(owner, "name", ...)`` replaces in a file, by name alone."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("patched", "_patched_everywhere")
        ):
            name = node.args[1]
            if isinstance(name, ast.Constant):
                yield str(name.value)


def _in_chain(node: ast.Attribute, bound: dict[str, str], own: frozenset[str]) -> Iterator[str]:
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        parts.insert(0, inner.attr)
        inner = inner.value
    first = bound.get(inner.id, "") if isinstance(inner, ast.Name) else ""
    full = ".".join([first, *parts])
    if first.split(".")[0] == "torch":
        if _is_private(full) and not full.startswith("torch.ops."):
            yield full
        return
    if isinstance(inner, ast.Name) and inner.id == "_ATEN":
        return
    yield from (f".{part}" for part in parts if _is_underscored(part) and part not in own | PUBLIC_ENOUGH)


def _bound_names(tree: ast.Module) -> dict[str, str]:
    """What the names that a file imports stand for."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names]


def _is_underscored(part: str) -> bool:
    return part.startswith("_") and not part.startswith("__")


def _is_private(full: str) -> bool:
    first, *rest = full.split(".")
    return first == "torch" and any(map(_is_underscored, rest))
