"""The shape of the code: rooms, the direction of imports between them, and what only one room may touch."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import modinspect
from tests.private_torch import own_names, private_uses

PACKAGE = Path(modinspect.__file__).parent

ALLOWED: dict[str, set[str]] = {
    # ground: plain data and words
    "errors": set(),
    "_version": set(),
    "printing": set(),
    "wording": set(),
    "patching": set(),
    "registered": set(),
    "examples": set(),
    "usercode": {"errors", "wording"},
    "signatures": {"errors", "wording"},
    "config": {"errors", "wording"},
    "report": {"errors", "printing"},
    "findings": {"errors", "printing", "report", "wording"},
    "memory": {"errors", "report"},
    "comparison": {"errors", "printing", "report"},
    # running a model
    "target": {"errors", "patching", "signatures", "usercode", "wording"},
    "inputs": {"errors", "patching", "registered", "report", "signatures", "target", "usercode", "wording"},
    "trace": {"errors", "patching", "registered", "report", "usercode"},
    "torchinfo_check": {"report", "trace", "usercode"},
    "process": {"errors", "patching", "usercode", "wording"},
    "session": {
        "errors",
        "inputs",
        "patching",
        "registered",
        "report",
        "signatures",
        "target",
        "torchinfo_check",
        "trace",
        "usercode",
        "wording",
    },
    "training": {"errors", "inputs", "memory", "report", "session", "trace", "usercode"},
    "linter": {
        *(
            "errors",
            "findings",
            "inputs",
            "patching",
            "process",
            "registered",
            "report",
            "session",
            "target",
            "trace",
            "usercode",
            "wording",
        ),
    },
    # showing what came out
    "render": {"_version", "comparison", "errors", "findings", "memory", "report", "wording"},
    # the doors
    "api": {"comparison", "errors", "findings", "linter", "report", "session", "trace", "training", "memory"},
    "testing": {"findings", "linter", "report"},
    "pytest_plugin": {"api", "config", "findings", "linter", "report", "testing"},
    "cli": {
        *(
            "api",
            "comparison",
            "config",
            "errors",
            "findings",
            "inputs",
            "linter",
            "memory",
            "process",
            "render",
            "report",
            "session",
            "target",
        ),
        *("_version", "usercode", "wording"),
    },
    "modinspect": {"_version", "api", "comparison", "linter", "memory", "report"},
    "__main__": {"cli"},
}
"""Which rooms each room may import. Arrows between rooms point one way."""

TRACE_ROOMS: dict[str, set[str]] = {
    "_torch": set(),
    "model": {"_torch"},
    "restore": {"_torch", "model"},
    "capture": {"_torch", "model", "restore"},
    "weightless": {"_torch", "capture", "model", "restore"},
    "explain": set(),
    "assemble": {"_torch", "capture", "explain", "model"},
    "run": {"_torch", "assemble", "capture", "model", "restore", "weightless"},
    "inspection_lock": set(),
    "trace": {"_torch", "assemble", "capture", "explain", "inspection_lock", "model", "restore", "run", "weightless"},
}
"""The same inside ``trace/``; ``trace`` is its ``__init__``."""


@dataclass(frozen=True)
class Import:
    """One ``import`` statement of modinspect's: ``imported`` is the module or the name in it, both absolute."""

    file: Path
    module: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.file.relative_to(PACKAGE)}:{self.line} imports {self.imported}"


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def module_name(path: Path) -> str:
    parts = ("modinspect", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules() -> frozenset[str]:
    return frozenset(map(module_name, trees()))


@functools.cache
def imports() -> tuple[Import, ...]:
    """All imports, at the top of a file, in functions and under ``TYPE_CHECKING``."""
    return tuple(found for path, tree in trees().items() for found in imports_of(path, tree))


def imports_of(path: Path, tree: ast.Module) -> Iterator[Import]:
    name = module_name(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield Import(path, name, whole if whole in modules() else str(node.module), node.lineno)


def own_imports() -> Iterator[Import]:
    return (found for found in imports() if found.imported.split(".")[0] == "modinspect")


def room_of(module: str, below: str = "modinspect") -> str:
    """``linter`` for ``modinspect.linter.rules.unused_parameter``; the last part of ``below`` for its own ``__init__``."""
    rest = module.removeprefix(below).strip(".")
    return rest.split(".")[0] if rest else below.rpartition(".")[2]


def test_rooms_import_only_the_rooms_below_them() -> None:
    wrong = [
        str(found)
        for found in own_imports()
        if (room := room_of(found.module)) != (other := room_of(found.imported)) and other not in ALLOWED[room]
    ]
    assert wrong == []


def test_rooms_of_the_engine_import_only_the_rooms_below_them() -> None:
    below = "modinspect.trace"
    wrong = [
        str(found)
        for found in own_imports()
        if found.module.startswith(below) and found.imported.startswith(below)
        if (room := room_of(found.module, below)) != (other := room_of(found.imported, below))
        if other not in TRACE_ROOMS[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("table", [ALLOWED, TRACE_ROOMS], ids=["rooms", "engine"])
def test_the_tables_of_allowed_imports_have_no_circle(table: dict[str, set[str]]) -> None:
    assert circles({room: set(allowed) for room, allowed in table.items()}) == []


def test_no_two_modules_import_each_other_even_in_a_function() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for found in own_imports():
        if found.imported in graph:
            graph[found.module].add(found.imported)
    assert circles(graph) == []


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's strongly connected components, of more than one node)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in numbers:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], numbers[other])
        if lowest[node] == numbers[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in numbers:
            visit(node)
    return found


def packages() -> set[str]:
    return {module_name(path) for path in trees() if path.name == "__init__.py"} - {"modinspect"}


def home(module: str) -> str:
    """The innermost package that a module is in."""
    return module if module in packages() else module.rpartition(".")[0]


def test_a_room_is_entered_only_through_its_init() -> None:
    """A module may import its package's modules, those of the packages around it, and packages elsewhere as a whole."""
    wrong = []
    for found in own_imports():
        target = home(found.imported)
        inside = target == "modinspect" or f"{found.module}.".startswith(f"{target}.")
        if not inside and found.imported != target:
            wrong.append(str(found))
    assert wrong == []


def importers(module: str) -> set[str]:
    return {room_of(found.module) for found in imports() if found.imported.split(".")[0] == module}


def test_one_file_imports_torchinfo() -> None:
    assert importers("torchinfo") == {"torchinfo_check"}


def test_only_the_command_line_imports_typer_and_nobody_click() -> None:
    assert importers("typer") == {"cli"}
    assert importers("click") == set()


def test_data_and_renderers_do_not_import_torch() -> None:
    plain = {"errors", "report", "findings", "comparison", "wording", "usercode", "config", "render", "cli", "process"}
    assert importers("torch") & plain == set()
    assert importers("rich") <= {"render", "cli"}


def test_only_one_room_touches_private_parts_of_torch() -> None:
    room, own = PACKAGE / "trace" / "_torch", own_names(trees().values())
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} {name}"
        for path, tree in trees().items()
        if room not in path.parents
        for name, line in private_uses(tree, own)
    ]
    assert wrong == []


def calls(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name for node in ast.walk(tree)
    )


def outside_the_command_line() -> Iterator[tuple[Path, ast.Module]]:
    for path, tree in trees().items():
        if room_of(module_name(path)) != "cli":
            yield path, tree


def test_only_the_command_line_prints() -> None:
    assert [str(path) for path, tree in outside_the_command_line() if calls(tree, "print")] == []


def test_only_the_command_line_catches_the_errors_of_modinspect() -> None:
    """Elsewhere an error may become another one, with what is known there, and is raised again."""
    from modinspect import errors

    own = {name for name, value in vars(errors).items() if isinstance(value, type)}
    swallowed = []
    for path, tree in outside_the_command_line():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
                if caught & own and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                    swallowed.append(f"{path}:{node.lineno}")
    assert swallowed == []


def test_the_public_names() -> None:
    assert modinspect.__all__ == ["Report", "__version__", "diff", "inspect", "inspect_target", "lint"]
    for name in modinspect.__all__:
        assert getattr(modinspect, name) is not None
