"""``--arg NAME=LITERAL``, and dotted names, which fill dictionaries and lists: ``batch.x``, ``images.0``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from modinspect.errors import InputError, TargetError
from modinspect.target import is_literal, parse_pairs


def parse_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads each ``NAME=LITERAL``; bare words are strings.

    Raises:
        InputError: a pair has no ``=``, its name is invalid or repeated, or its value isn't a literal.
    """
    try:
        arguments = parse_pairs(pairs, "--arg")
    except TargetError as error:
        raise InputError(error.message, error.hint) from error
    for name, value in arguments.items():
        if not is_literal(value):
            raise InputError(f"--arg {name}={value}: the value isn't a Python literal", "For an object, use --input-fn.")
    return arguments


def nested(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Arguments by name. Dotted names fill dictionaries, or lists if all names at a level are numbers.

    Args:
        named: names and values: ``("images.0", a), ("images.1", b), ("batch.x", c)``.

    Returns:
        ``{"images": [a, b], "batch": {"x": c}}``.

    Raises:
        InputError: a name is repeated, is used both with and without a dot, or a list has a gap.
    """
    top = _Level()
    for name, value in named:
        *path, last = name.split(".")
        level = top
        for depth, part in enumerate(path):
            below = level.setdefault(part, _Level())
            if not isinstance(below, _Level):
                outer = ".".join(path[: depth + 1])
                raise InputError(f"the inputs {outer!r} and {name!r} exclude each other", f"Give {outer} or what is in it.")
            level = below
        if isinstance(level.get(last), _Level):
            inner = next(iter(level[last]))
            raise InputError(f"the inputs {name!r} and '{name}.{inner}' exclude each other", f"Give {name} or what is in it.")
        if last in level:
            raise InputError(f"the input {name!r} is given twice", "Give each name once.")
        level[last] = value
    return {name: _container(value, name) for name, value in top.items()}


class _Level(dict[str, Any]):
    """The names at one level, with values or further levels."""


def _container(value: Any, name: str) -> Any:
    if not isinstance(value, _Level):
        return value
    made = {part: _container(item, f"{name}.{part}") for part, item in value.items()}
    if not all(part.isdecimal() for part in made):
        return made
    by_index = {int(part): item for part, item in made.items()}
    missing = next((index for index in range(len(by_index)) if index not in by_index), None)
    if missing is not None:
        raise InputError(f"the list {name!r} has no item {missing}", f"Give {name}.{missing} too.")
    return [by_index[index] for index in range(len(by_index))]
