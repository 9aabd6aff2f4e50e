"""Parses targets and ``--init``: a module or file, a name in it, keys, and a call with arguments.

Nothing here imports or runs anything: arguments are read as data.
"""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from modinspect.errors import TargetError
from modinspect.target.expressions import Key, Reference, Unreadable, read, shown
from modinspect.target.scope import Scope
from modinspect.wording import printable, sentences

FORMS = "A target is pkg.mod:Class, pkg.mod.Class or path/to/file.py:Class, and a call may follow: pkg.mod:Class(width=64)."
_LITERALS = "Arguments are Python literals, or calls of names of the target's module with such arguments: GPTConfig(n_layer=2)."
_KEYS = """A key is a literal, and a string needs quotes: 'pkg.mod:registry["vit_b"]()'."""
_MAKE_IT_YOURSELF = "For any other value, name a function that builds the model."


@dataclass(frozen=True)
class Target:
    """A parsed target.

    Args:
        text: as the user wrote it.
        kind: its form, one of :data:`KINDS`.
        place: a module (``pkg.mod``), a file, or the whole dotted name.
        name: the attributes below it (``Outer.Inner``); empty for a dotted name.
        args: positional arguments of the call that follows, as data (:mod:`modinspect.target.expressions`).
        kwargs: its keyword arguments.
        keys: literal subscripts that follow the name: ``registry["vit_b"]``.
    """

    text: str
    kind: str
    place: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def path(self) -> str:
        """The target without its arguments."""
        keys = "".join(map(str, self.keys))
        return f"{self.place}:{self.name}{keys}" if self.name else f"{self.place}{keys}"


@dataclass(frozen=True)
class Found:
    """The object that a target names, once imported.

    Args:
        obj: the object.
        scope: the modules whose names its arguments can use.
        directories: must be importable for its code to work.
    """

    obj: object
    scope: Scope
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """The kind of object wanted, for error messages that list candidates; ``example`` is a name for examples."""

    what: str
    example: str
    is_one: Callable[[object], bool]


@dataclass(frozen=True)
class Kind:
    """One way to name an object. ``pattern`` has the groups ``place``, ``name``, ``keys`` and ``call``; ``find`` imports."""

    kind: str
    pattern: re.Pattern[str]
    find: Callable[[Target, Wanted], Found]


def parse(text: str, kinds: Sequence[Kind]) -> Target:
    """Parses ``text`` as the first of ``kinds`` whose pattern matches.

    Raises:
        TargetError: no pattern matches, or an argument can't be read.
    """
    written = text.strip()
    if not written:
        raise TargetError("the target is empty", FORMS)
    if "\0" in written:
        raise TargetError(f"the target {written!r} contains a NUL character", FORMS)
    for kind in kinds:
        match = kind.pattern.fullmatch(written)
        if match:
            place, name, keys, call = (match[group] or "" for group in ("place", "name", "keys", "call"))
            args, kwargs = _parse_call(call, written) if call else ((), {})
            return Target(written, kind.kind, place, name, args, kwargs, _parse_keys(keys, written) if keys else ())
    raise TargetError(f"can't read the target {written!r}: {_what_is_odd(written)}", FORMS)


def _what_is_odd(written: str) -> str:
    """The first thing that is wrong with a malformed target."""
    head, paren, _ = written.partition("(")
    head = head.rstrip()
    names = re.sub(r".*\.py:", "", head, flags=re.DOTALL)  # a path can contain any character, a name in a file can't
    odd = next((part for part in re.split(r"[.:]", names) if not part.isidentifier()), head)
    found = {
        "the parenthesis is never closed": paren and written.count("(") > written.count(")"),
        "something follows the call": paren and not written.endswith(")"),
        "a closing parenthesis without an opening one": not paren and ")" in head,
        "there is no name before the parenthesis": not head,
        "no name follows the colon": head.endswith(":"),
        "there is no module before the colon": head.startswith(":"),
        "there is more than one colon": names.count(":") > (names == head),  # the colon after a file was removed
        "a name is missing before or after a dot": not odd,
    }
    return next((what for what, holds in found.items() if holds), f"{odd!r} isn't a Python name")


def _parse_call(call: str, written: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    tree = _syntax(f"_{call}", written)
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise TargetError(f"can't read the target {written!r}: {call!r} is not one call", FORMS)
    if any(isinstance(argument, ast.Starred) for argument in tree.args) or any(k.arg is None for k in tree.keywords):
        raise TargetError(f"the arguments of {written!r} unpack something with '*'", f"Write out each of them. {_LITERALS}")
    args = tuple(_value(node, f"argument {i}", call, written) for i, node in enumerate(tree.args, 1))
    kwargs: dict[str, Any] = {}
    for keyword_ in tree.keywords:
        name = str(keyword_.arg)
        if name in kwargs:
            raise TargetError(f"{written!r} gives the argument {name!r} twice", "Give it once.")
        kwargs[name] = _value(keyword_.value, f"the argument {name!r}", call, written)
    return args, kwargs


def _parse_keys(keys: str, written: str) -> tuple[Key, ...]:
    tree = _syntax(f"_{keys}", written)
    try:
        reference = read(tree)
    except Unreadable as error:
        raise TargetError(f"can't read the target {written!r}: a key isn't a literal", _KEYS) from error
    found = reference.steps[1:] if isinstance(reference, Reference) else ()
    if not found or not all(isinstance(step, Key) for step in found):
        raise TargetError(f"can't read the target {written!r}: {keys!r} are not keys", _KEYS)
    return tuple(step for step in found if isinstance(step, Key))


def _syntax(source: str, written: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about invalid escapes
            return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise TargetError(f"can't read the arguments of {written!r}: {reason}", _LITERALS) from error
    except (RecursionError, MemoryError) as error:
        raise TargetError("the arguments of the target are nested too deeply", _MAKE_IT_YOURSELF) from error


def _value(node: ast.expr, what: str, call: str, written: str) -> Any:
    try:
        value = read(node)
    except (Unreadable, RecursionError, MemoryError) as error:
        raise _odd_value(error.node if isinstance(error, Unreadable) else node, what, call, written) from error
    slip = _slip(value)
    if slip is not None:
        literal = _NEARLY_LITERAL[slip.lower()]
        raise TargetError(f"{what} of {written!r}, {slip!r}, isn't a Python literal", f"Write {literal}. {_LITERALS}")
    return value


def _slip(value: Any) -> str | None:
    """A misspelt Python literal: ``true``, ``null``."""
    text = str(value) if isinstance(value, Reference) else ""
    return text if text.lower() in _NEARLY_LITERAL else None


def _odd_value(node: ast.expr, what: str, call: str, written: str) -> TargetError:
    try:
        code = ast.get_source_segment(f"_{call}", node)
    except ValueError:  # undecodable bytes on the command line become surrogates, which can't be encoded
        code = None
    part = f"{what} of {written!r}, {code!r}," if code else f"{what} of {written!r}"
    return TargetError(f"{part} isn't a Python literal", sentences(_LITERALS, _MAKE_IT_YOURSELF))


_BARE_WORD = re.compile(r"[A-Za-z_~/.][\w./:+@~-]*")
_NEARLY_LITERAL = {"true": "True", "false": "False", "none": "None", "null": "None", "nil": "None"}
_NO_WORDS = ("inf", "nan")


def parse_init(pairs: Sequence[str]) -> dict[str, object]:
    """Reads each ``--init``. See :func:`parse_pairs`."""
    return parse_pairs(pairs, "--init")


def parse_pairs(pairs: Sequence[str], option: str) -> dict[str, object]:
    """Reads ``KEY=VALUE`` pairs.

    Keys are arguments, or dotted names of their fields (``config.n_layer``). Values are Python literals, calls of names of the
    target's module (``GPTConfig(n_layer=2)``), or bare words, which are strings (``resnet50``, ``cuda:0``).

    Args:
        pairs: as they were typed.
        option: the option that they belong to, for messages.

    Returns:
        The values as data (:mod:`modinspect.target.expressions`), by key.

    Raises:
        TargetError: a pair has no ``=``, its key isn't a name or is repeated, or its value can't be read.
    """
    init: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise TargetError(f"{option} {pair!r} has no '='", f"Write {option} KEY=VALUE, as in {option} num_classes=10.")
        first, *rest = key.split(".")
        if not _is_name(first) or not all(_is_name(part) or part.isdecimal() for part in rest):
            name = key.replace("-", "_")
            hint = f"Did you mean {name}={printable(value)}?" if _is_name(name) else ""
            raise TargetError(f"{option} {pair!r}: {key!r} isn't an argument name", hint)
        if key in init:
            raise TargetError(f"{option} gives {key!r} twice: {shown(init[key])} and {value!r}", "Give it once.")
        init[key] = _pair_value(key, value.strip(), f"{option} {pair!r}", option)
    return init


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _pair_value(key: str, text: str, written: str, option: str) -> object:
    if not text:
        raise TargetError(f"{written} has no value", f"For an empty string: {option} '{key}=\"\"'.")
    literal = _NEARLY_LITERAL.get(text.lower(), text)
    if literal != text:
        hint = f"Write {key}={literal}, or '{key}=\"{text}\"' for the string."
        raise TargetError(f"{written}: {text!r} isn't a Python literal", hint)
    if text.lower() in _NO_WORDS:
        raise _odd_pair(key, text, written, option)
    if _BARE_WORD.fullmatch(text) and not text.startswith("torch.") and text not in ("True", "False", "None"):
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(ast.parse(text, mode="eval").body)
    except (Unreadable, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise _odd_pair(key, text, written, option) from error


def _odd_pair(key: str, text: str, written: str, option: str) -> TargetError:
    hint = f"A string needs quotes of its own: {option} '{key}=\"...\"'. {_LITERALS} {_MAKE_IT_YOURSELF}"
    return TargetError(f"{written}: {text!r} isn't a Python literal", hint)
