"""Reads the expression that failed, and looks up its names in the frame that it failed in."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from torch import Tensor, nn

from modinspect.trace.capture import Origin
from modinspect.trace.explain import FailedLine, NamedValue
from modinspect.trace.model import shape_of
from modinspect.usercode import code_lines

_MISSING = object()
_OPERATORS: dict[type[ast.operator], str] = {
    ast.MatMult: "matmul",
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
}

OriginText = Callable[[Origin], str | None]


def read_failed_line(
    frame: FrameType, instruction: int, origin_of: Callable[[Tensor], Origin], text_of: OriginText
) -> FailedLine | None:
    """The expression that failed; ``None`` if its code can't be read.

    Args:
        frame: the frame that it failed in.
        instruction: the offset of the instruction that failed.
        origin_of: returns a tensor's origin.
        text_of: returns an origin as text.
    """
    code = frame.f_code
    positions = _positions(frame, instruction)
    try:
        tree = ast.parse("".join(code_lines(code.co_filename)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    statement = _innermost_statement(tree, positions[0])
    if statement is None:
        return None
    expression = _expression_at(statement, positions) or statement
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    names = {}
    for node in _headers(statement if isinstance(expression, ast.Name | ast.Tuple) else expression):
        for text, value in _named_values(node, frame):
            described = _described(value, text in arguments, origin_of, text_of)
            if described is not None:
                names[text] = described
    targets, unpacked = _unpacking(statement)
    callee, operands = _operands(expression)
    return FailedLine(_one_line(expression), code.co_name, operands, callee, names, targets, unpacked)


def _positions(frame: FrameType, instruction: int) -> tuple[int, int | None, int | None, int | None]:
    """(line, last line, column, last column) of an instruction; only the line up to Python 3.10."""
    code = frame.f_code
    if hasattr(code, "co_positions"):
        line, last, column, last_column = next(itertools.islice(code.co_positions(), instruction // 2, None), (None,) * 4)
        if line is not None:
            return line, last, column, last_column
    return frame.f_lineno, None, None, None


def _innermost_statement(tree: ast.Module, line: int) -> ast.stmt | None:
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno, default=None)


def _expression_at(statement: ast.stmt, positions: tuple[int, int | None, int | None, int | None]) -> ast.expr | None:
    """The expression of exactly these positions."""
    for node in ast.walk(statement):
        if isinstance(node, ast.expr):
            found = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            if found == positions:
                return node
    return None


def _headers(node: ast.AST) -> Iterator[ast.AST]:
    """The node, or of a compound statement only the expressions in its first line."""
    if hasattr(node, "body"):
        yield from (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    else:
        yield node


def _named_values(node: ast.AST, frame: FrameType) -> Iterator[tuple[str, Any]]:
    """(text, value) of variables and attributes whose value can be looked up without running code."""
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Name, ast.Attribute)) and isinstance(inner.ctx, ast.Load):
            value = _value(inner, frame)
            if value is not _MISSING:
                yield ast.unparse(inner), value


def _value(node: ast.expr, frame: FrameType) -> Any:
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id, _MISSING))
    if not isinstance(node, ast.Attribute):
        return _MISSING
    owner = _value(node.value, frame)
    if owner is _MISSING or isinstance(owner, (Tensor, type)):
        return _MISSING
    own = getattr(owner, "__dict__", None)
    if not isinstance(own, dict):
        return _MISSING
    if isinstance(owner, nn.Module):
        for registered in ("_parameters", "_buffers", "_modules"):
            if node.attr in own.get(registered, {}):
                return own[registered][node.attr]
    return own.get(node.attr, _MISSING)


def _described(value: Any, is_argument: bool, origin_of: Callable[[Tensor], Origin], text_of: OriginText) -> NamedValue | None:
    if value is None:
        return NamedValue("None", is_argument=is_argument)
    if isinstance(value, Tensor):
        return NamedValue("Tensor", shape_of(value), text_of(origin_of(value)), is_argument=is_argument)
    if isinstance(value, (tuple, list, dict)):
        return NamedValue(type(value).__name__, length=len(value), is_argument=is_argument)
    return None


def _unpacking(statement: ast.stmt) -> tuple[tuple[str, ...], str]:
    """``b, c, hw = y.shape`` as (("b", "c", "hw"), "y")."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], (ast.Tuple, ast.List)):
        return (), ""
    targets = tuple(ast.unparse(target) for target in statement.targets[0].elts)
    value = statement.value
    if isinstance(value, ast.Call) and not value.args and isinstance(value.func, ast.Attribute) and value.func.attr == "size":
        return targets, ast.unparse(value.func.value)
    if isinstance(value, ast.Attribute) and value.attr == "shape":
        return targets, ast.unparse(value.value)
    return (), ""


def _operands(expression: ast.AST) -> tuple[str, tuple[str, ...]]:
    """(callee, operands) of a call, an operator or an index."""
    if isinstance(expression, ast.BinOp):
        callee = _OPERATORS.get(type(expression.op), "")
        return callee, (ast.unparse(expression.left), ast.unparse(expression.right))
    if isinstance(expression, ast.Subscript):
        return "getitem", (ast.unparse(expression.value),)
    if isinstance(expression, ast.Call):
        operands = tuple(ast.unparse(argument) for argument in expression.args)
        function = expression.func
        if isinstance(function, ast.Name):
            return function.id, operands
        if isinstance(function, ast.Attribute):
            owner = ast.unparse(function.value)
            return function.attr, operands if owner in ("torch", "F") or owner.startswith("torch.") else (owner, *operands)
    return "", ()


def _one_line(expression: ast.AST) -> str:
    if hasattr(expression, "body"):
        return ""
    return " ".join(ast.unparse(expression).split())
