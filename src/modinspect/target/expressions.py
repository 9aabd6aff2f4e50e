"""Arguments as data: literals, names of the target's module, and calls of these. Nothing is passed to ``eval``.

:func:`read` parses without importing anything; :mod:`modinspect.target.evaluation` evaluates when the model is built.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Step: TypeAlias = "str | Key"


@dataclass(frozen=True)
class Key:
    """A literal subscript: ``["vit_b"]``."""

    value: Any

    def __str__(self) -> str:
        return f"[{self.value!r}]"


@dataclass(frozen=True)
class Reference:
    """A name of the target's module, with attributes and literal subscripts: ``nn.GELU``, ``configs["small"]``."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "".join(f".{step}" if isinstance(step, str) else str(step) for step in self.steps).removeprefix(".")


@dataclass(frozen=True)
class Known:
    """An existing object, and its name."""

    value: Any
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Call:
    """A call of a name: ``GPTConfig(n_layer=2)``."""

    function: Reference | Known
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = [*map(shown, self.args), *(f"{name}={shown(value)}" for name, value in self.kwargs.items())]
        return f"{self.function}({', '.join(arguments)})"


@dataclass(frozen=True)
class WithFields:
    """A value with fields to set: ``--init config=... --init config.n_layer=2``."""

    base: Any
    fields: tuple[tuple[str, Any], ...]
    """Dotted names below the value, and what they are set to."""

    def __str__(self) -> str:
        return f"{shown(self.base)} with {', '.join(f'{name}={shown(value)}' for name, value in self.fields)}"


class Unreadable(Exception):
    """An expression other than a literal, a name or a call; ``node`` is the offending part."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__()
        self.node = node


def read(node: ast.expr) -> Any:
    """Reads an expression: a literal's value, a :class:`Reference`, a :class:`Call`, or a container of these.

    Raises:
        Unreadable: it is any other expression.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        pass  # not a literal as a whole
    match node:
        case ast.Call(func=func, args=args, keywords=keywords):
            return _read_call(node, func, args, keywords)
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return Reference(_steps(node))
        case ast.List(elts=items):
            return [read(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(read(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return {_literal(key): read(value) for key, value in zip(keys, values, strict=True)}
    raise Unreadable(node)


def _read_call(node: ast.expr, func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Call:
    kwargs = {keyword.arg: read(keyword.value) for keyword in keywords if keyword.arg is not None}
    if any(isinstance(argument, ast.Starred) for argument in args) or len(kwargs) < len(keywords):
        raise Unreadable(node)
    return Call(Reference(_steps(func)), tuple(read(argument) for argument in args), kwargs)


def _steps(node: ast.expr) -> tuple[Step, ...]:
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            return (*_steps(value), name)
        case ast.Subscript(value=value, slice=key):
            return (*_steps(value), Key(_literal(key)))
    raise Unreadable(node)


def _literal(node: ast.expr | None) -> Any:
    if node is None:  # {**other}
        raise Unreadable(ast.Dict([], []))
    try:
        value = ast.literal_eval(node)
        hash(value)
    except (ValueError, TypeError, SyntaxError) as error:
        raise Unreadable(node) from error
    return value


def is_literal(value: Any) -> bool:
    """Whether a value contains no name and no call."""
    if type(value) is dict:
        return all(map(is_literal, value.values()))
    if type(value) in (list, tuple):
        return all(map(is_literal, value))
    return not isinstance(value, (Reference, Call, Known, WithFields))


def shown(value: Any) -> str:
    """The value as a user would write it."""
    if isinstance(value, (Reference, Call, Known, WithFields)):
        return str(value)
    if type(value) is list:
        return f"[{', '.join(map(shown, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(shown, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {shown(item)}" for key, item in value.items()) + "}"
    return repr(value)
