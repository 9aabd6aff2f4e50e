"""The shape of the code: imports point one way, and a few things happen in one place alone."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import modinspect

PACKAGE = Path(modinspect.__file__).parent


@dataclass(frozen=True)
class Import:
    """One imported module, absolute, and the part of modinspect whose file imports it."""

    file: str
    part: str
    module: str
    top_level: bool


def part_of(path: Path) -> str:
    """``load`` for ``load/kinds/file.py``, ``report`` for ``report.py``, ``modinspect`` for the package's own file."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "modinspect" if first == "__init__" else first


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def imports() -> tuple[Import, ...]:
    return tuple(find_imports())


def find_imports() -> Iterator[Import]:
    for path, tree in trees().items():
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} has a relative import"
                names = [node.module or ""]
                if node.module == "modinspect":
                    names = [f"modinspect.{alias.name}" for alias in node.names]
            for name in names:
                yield Import(str(path.relative_to(PACKAGE)), part_of(path), name, id(node) in top)


ALLOWED: dict[str, set[str]] = {
    "align": set(),
    "errors": set(),
    "nearest": set(),
    "callable_module": set(),
    "examples": set(),
    "report": {"errors"},
    "usercode": {"errors"},
    "signatures": {"errors", "nearest"},
    "load": {"errors", "nearest", "signatures", "usercode"},
    "inputs": {"errors", "load", "nearest", "report", "signatures", "usercode"},
    "trace": {"errors", "report", "usercode"},
    "config": {"errors", "nearest"},
    "crosscheck": {"report", "usercode"},
    "diff": {"align", "callable_module", "errors", "report"},
    "prepare": {"errors", "inputs", "load", "report", "signatures", "trace"},
    "lint": {"callable_module", "errors", "inputs", "load", "nearest", "prepare", "report", "trace", "usercode"},
    "render": {"__version__", "diff", "errors", "lint", "report"},
    "api": {"crosscheck", "diff", "errors", "inputs", "lint", "load", "prepare", "report", "trace", "usercode"},
    "cli": {"__version__", "api", "config", "diff", "errors", "lint", "load", "nearest", "render", "report", "usercode"},
    "modinspect": {"api", "diff", "lint", "report"},
    "testing": {"lint"},
    "pytest_plugin": {"api", "config", "lint", "report", "testing"},
    "__main__": {"cli"},
}
"""What each part may import."""

WHEN_PRINTED = {("report", "render"), ("diff", "render"), ("lint", "render")}
"""``print(report)`` asks a renderer. These stand inside a method, so that no import depends on them."""


def test_imports_point_one_way() -> None:
    wrong = []
    for found in imports():
        root, _, rest = found.module.partition(".")
        if root != "modinspect":
            continue
        imported = rest.partition(".")[0] or "modinspect"
        if imported == found.part or imported in ALLOWED[found.part]:
            continue
        if (found.part, imported) in WHEN_PRINTED and not found.top_level:
            continue
        wrong.append(f"{found.file} imports {found.module}")
    assert wrong == []


def test_the_table_of_allowed_imports_has_no_circle() -> None:
    def reach(part: str, way: tuple[str, ...] = ()) -> None:
        assert part not in way, " -> ".join([*way, part])
        for imported in ALLOWED.get(part, ()):
            reach(imported, (*way, part))

    for part in ALLOWED:
        reach(part)


def importers(module: str) -> set[str]:
    return {found.part for found in imports() if found.module.split(".")[0] == module}


def test_one_file_imports_torchinfo() -> None:
    assert importers("torchinfo") == {"crosscheck"}


def test_only_the_command_line_imports_typer_and_nobody_click() -> None:
    assert importers("typer") == {"cli"}
    assert importers("click") == set()


def test_the_data_and_what_is_made_of_it_know_no_torch() -> None:
    assert not importers("torch") & {"errors", "report", "nearest", "usercode", "diff", "render", "cli"}
    assert not importers("rich") - {"render", "cli"}


def calls(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name for node in ast.walk(tree)
    )


def outside_the_command_line() -> Iterator[tuple[Path, ast.Module]]:
    for path, tree in trees().items():
        if part_of(path) != "cli":
            yield path, tree


def test_only_the_command_line_prints() -> None:
    assert [str(path) for path, tree in outside_the_command_line() if calls(tree, "print")] == []


def test_only_the_command_line_catches_the_errors_of_modinspect() -> None:
    """Elsewhere one may become another, with what is known there: then it is raised again."""
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


def test_every_public_name_is_listed_and_there() -> None:
    assert sorted(modinspect.__all__) == modinspect.__all__
    assert set(modinspect.__all__) == {*modinspect._HOMES, "__version__"}
    assert set(modinspect.__all__) <= set(dir(modinspect))
    for name in modinspect.__all__:
        assert getattr(modinspect, name) is not None
