"""Public functions with several parameters say what each of them is. That ``Args`` names all of them is ruff's rule D417."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "modinspect"
EXCEPT = (
    # Typer shows the docstring as help; each parameter has its own help text
    *("cli.diff.diff", "cli.explain.explain", "cli.lint.lint", "cli.memory.memory", "cli.show.show"),
    # callbacks: an operator, its arguments, and its result or error
    *(".on_operator", ".on_operator_error"),
    ".set_item",  # has the parameters of the method that it replaces
    *(".AtenCapture.add", ".AtenCapture.write_to", ".whole_tensor", ".no_fingerprint"),  # small steps inside a recorder
)
"""How their names end."""


def public_functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and not child.name.startswith("_"):
            name = f"{prefix}.{child.name}"
            if isinstance(child, ast.FunctionDef):
                yield name, child
            else:
                yield from public_functions(child, name)


def test_public_functions_with_three_or_more_parameters_describe_them() -> None:
    undescribed, seen = [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for name, function in public_functions(ast.parse(path.read_text(encoding="utf-8")), module):
            arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            if sum(argument.arg not in ("self", "cls") for argument in arguments) < 3:
                continue
            seen += 1
            if "Args:" not in (ast.get_docstring(function) or "") and not name.endswith(EXCEPT):
                undescribed.append(name)
    assert seen > 90
    assert undescribed == []
