"""Signatures of callables, and arguments that don't fit them."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

_LONGEST_VALUE = 40
_LONGEST_LINE = 100
_STARS: dict[object, str] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


@dataclass(frozen=True)
class Misfit:
    """Why arguments don't fit a signature.

    Args:
        missing: required parameters that weren't given.
        unknown: keywords that the signature doesn't have.
        twice: arguments given both by position and by name.
        unnamed_only: positional-only parameters that were given by name.
        surplus: the number of positional arguments beyond those accepted.
    """

    missing: tuple[Parameter, ...] = ()
    unknown: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    unnamed_only: tuple[str, ...] = ()
    surplus: int = 0


def signature_of(function: Callable[..., Any]) -> Signature | None:
    """The signature; ``None`` if Python can't determine it (C functions, odd wrappers)."""
    try:
        return inspect.signature(function)
    except Exception:  # __signature__ and __wrapped__ can raise anything
        return None


def misfit(signature: Signature, positional: int, keywords: Collection[str]) -> Misfit | None:
    """How ``positional`` unnamed arguments and ``keywords`` fail to fit, or ``None`` if they do.

    Args:
        signature: of the function
        positional: how many arguments have no name
        keywords: the names of the others
    """
    parameters = tuple(signature.parameters.values())
    kinds = {p.kind for p in parameters}
    takes_any_name, takes_any_number = Parameter.VAR_KEYWORD in kinds, Parameter.VAR_POSITIONAL in kinds
    by_place = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    placed = {p.name for p in by_place[:positional]}
    unnamed = {p.name for p in by_place if p.kind is Parameter.POSITIONAL_ONLY}
    names = {p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    required = [p for p in parameters if p.default is Parameter.empty and p.name in names | unnamed]
    found = Misfit(
        missing=tuple(p for p in required if p.name not in placed and p.name not in keywords),
        unknown=tuple(k for k in keywords if k not in names and k not in unnamed and not takes_any_name),
        twice=tuple(k for k in keywords if k in placed and k in names),
        unnamed_only=tuple(k for k in keywords if k in unnamed and not takes_any_name),
        surplus=0 if takes_any_number else max(0, positional - len(by_place)),
    )
    return None if found == Misfit() else found


_LITERAL_TYPES = {"int": "INT", "float": "FLOAT", "str": "STRING", "bool": "BOOL"}


def literal_type(annotation: object) -> str | None:
    """``INT``, ``FLOAT``, ``STRING`` or ``BOOL`` for an annotation of that type, also if it may be ``None``; else ``None``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = {literal_type(kind) for kind in typing.get_args(annotation) if kind is not type(None)}
        return kinds.pop() if len(kinds) == 1 else None
    if typing.get_origin(annotation) is typing.Literal:
        return "|".join(map(str, typing.get_args(annotation)))
    name = str(getattr(annotation, "__name__", annotation)).strip("'\"")
    return _LITERAL_TYPES.get(name.removesuffix(" | None"))


def argument_names(signature: Signature) -> tuple[str, ...]:
    """The names of the parameters: ``x``, ``mask``, ``*rest``, ``**options``."""
    return tuple(_STARS.get(p.kind, "") + p.name for p in signature.parameters.values())


def complaint(found: Misfit, given: int) -> str:
    """The misfit in words, to follow the name of the callable: ``needs the argument 'mask'``."""
    if found.unknown:
        return f"takes no {_arguments(found.unknown)}"
    if found.twice:
        return f"gets the {_arguments(found.twice)} twice: by position and by name"
    if found.unnamed_only:
        return f"takes the {_arguments(found.unnamed_only)} by position only"
    if found.surplus:
        limit = given - found.surplus
        return f"takes {limit or 'no'} positional argument{'' if limit == 1 else 's'}, {given} were given"
    return f"needs the {_arguments(tuple(p.name for p in found.missing))}"


def _arguments(names: tuple[str, ...]) -> str:
    *most, last = [repr(name) for name in names]
    return f"arguments {', '.join(most)} and {last}" if most else f"argument {last}"


def show_signature(name: str, signature: Signature) -> str:
    """``Net(width: int, depth: int = 2)``, on several lines if it is long."""
    pieces: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and not any(piece.startswith("*") for piece in pieces):
            pieces.append("*")
        pieces.append(_show_parameter(parameter))
    positional_only = sum(p.kind is Parameter.POSITIONAL_ONLY for p in signature.parameters.values())
    if positional_only:
        pieces.insert(positional_only, "/")
    line = f"{name}({', '.join(pieces)})"
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + ")"


def _show_parameter(parameter: Parameter) -> str:
    annotation = _annotation(parameter.annotation)
    shown = _STARS.get(parameter.kind, "") + parameter.name + (f": {annotation}" if annotation else "")
    if parameter.default is Parameter.empty:
        return shown
    return f"{shown} = {_short_repr(parameter.default)}" if annotation else f"{shown}={_short_repr(parameter.default)}"


def _annotation(annotation: object) -> str:
    if annotation is Parameter.empty:
        return ""
    if isinstance(annotation, str):
        return _short(annotation)
    return _short(annotation.__name__ if type(annotation) is type else inspect.formatannotation(annotation))


def _short_repr(value: object) -> str:
    try:
        return _short(repr(value)) or "..."
    except Exception:  # a default's repr can raise anything
        return "..."


def _short(text: str) -> str:
    """The text; empty if it is long or contains an address (``<function f at 0x...>``)."""
    return "" if len(text) > _LONGEST_VALUE or " at 0x" in text else text
