"""What a user names, taken to pieces: a place, a name in it, and a call with literal arguments.

Nothing here imports or runs anything: arguments are Python literals and are read as such.
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
from modinspect.wording import printable, sentences

FORMS = "A target is pkg.mod:Class, pkg.mod.Class or path/to/file.py:Class, and a call may follow: pkg.mod:Class(width=64)."
_LITERALS = "Arguments are Python literals: numbers, 'strings', True, None, lists, tuples, dicts."
_MAKE_IT_YOURSELF = "For any other value, name a function that builds the model."


@dataclass(frozen=True)
class Target:
    """A model as the user named it.

    ``place`` is a module (``pkg.mod``), a file, or the whole dotted name; ``name`` is the way into it (``Outer.Inner``), empty
    where the place says it all. ``args`` and ``kwargs`` are those of the call written behind it.
    """

    text: str
    kind: str
    place: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    @property
    def path(self) -> str:
        """The target without its arguments."""
        return f"{self.place}:{self.name}" if self.name else self.place


@dataclass(frozen=True)
class Found:
    """What a target leads to, and the directories that have to be importable for its code to work."""

    obj: object
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is looked for, so that errors can list what there is of it; ``example`` stands for one in an example."""

    what: str
    example: str
    is_one: Callable[[object], bool]


@dataclass(frozen=True)
class Kind:
    """One way to name an object. ``pattern`` has the groups ``place``, ``name`` and ``call``; ``find`` imports."""

    kind: str
    pattern: re.Pattern[str]
    find: Callable[[Target, Wanted], Found]


def parse(text: str, kinds: Sequence[Kind]) -> Target:
    """Takes ``text`` to pieces, as the first of ``kinds`` that it looks like.

    Raises:
        TargetError: it has none of the forms, or an argument isn't a Python literal.
    """
    written = text.strip()
    if not written:
        raise TargetError("the target is empty", FORMS)
    if "\0" in written:
        raise TargetError(f"the target {written!r} contains a NUL character", FORMS)
    for kind in kinds:
        match = kind.pattern.fullmatch(written)
        if match:
            place, name, call = (match[group] or "" for group in ("place", "name", "call"))
            args, kwargs = _parse_call(call, written) if call else ((), {})
            return Target(written, kind.kind, place, name, args, kwargs)
    raise TargetError(f"can't read the target {written!r}: {_what_is_odd(written)}", FORMS)


def _what_is_odd(written: str) -> str:
    """Points at the first thing in a target that can't be right."""
    head, paren, _ = written.partition("(")
    head = head.rstrip()
    names = re.sub(r".*\.py:", "", head, flags=re.DOTALL)  # a path may have anything in it, a name in a file may not
    odd = next((part for part in re.split(r"[.:]", names) if not part.isidentifier()), head)
    found = {
        "the parenthesis is never closed": paren and written.count("(") > written.count(")"),
        "something follows the call": paren and not written.endswith(")"),
        "a closing parenthesis without an opening one": not paren and ")" in head,
        "there is no name before the parenthesis": not head,
        "no name follows the colon": head.endswith(":"),
        "there is no module before the colon": head.startswith(":"),
        "there is more than one colon": names.count(":") > (names == head),  # the one behind a file is gone
        "a name is missing before or after a dot": not odd,
    }
    return next((what for what, holds in found.items() if holds), f"{odd!r} isn't a Python name")


def _parse_call(call: str, written: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    tree = _syntax(f"_{call}", written)
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise TargetError(f"can't read the target {written!r}: {call!r} is not one call", FORMS)
    if any(isinstance(argument, ast.Starred) for argument in tree.args) or any(k.arg is None for k in tree.keywords):
        raise TargetError(f"the arguments of {written!r} unpack something with '*'", f"Write each of them. {_LITERALS}")
    args = tuple(_value(node, f"argument {i}", written) for i, node in enumerate(tree.args, 1))
    kwargs: dict[str, Any] = {}
    for keyword_ in tree.keywords:
        name = str(keyword_.arg)
        if name in kwargs:
            raise TargetError(f"{written!r} gives the argument {name!r} twice", "Give it once.")
        kwargs[name] = _value(keyword_.value, f"the argument {name!r}", written)
    return args, kwargs


def _syntax(source: str, written: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a literal's odd escapes
            return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise TargetError(f"can't read the arguments of {written!r}: {reason}", _LITERALS) from error
    except (RecursionError, MemoryError) as error:
        raise TargetError("the arguments of the target are nested too deeply", _MAKE_IT_YOURSELF) from error


def _value(node: ast.expr, what: str, written: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        code = _as_written(node, written)
        literal = _NEARLY_LITERAL.get((code or "").lower())
        quote = f"Write {literal}." if literal else f"A string needs quotes: '{code}'." if isinstance(node, ast.Name) else ""
        message = f"{what} of {written!r}, {code!r}, isn't a Python literal" if code else f"{what} of {written!r} isn't a Python literal"
        raise TargetError(message, sentences(quote, _LITERALS, _MAKE_IT_YOURSELF)) from error


def _as_written(node: ast.expr, written: str) -> str | None:
    try:
        return ast.get_source_segment(f"_{written[written.index('(') :]}", node)
    except ValueError:  # bytes that are no UTF-8 reach the command line as half characters, which can't be encoded
        return None


_BARE_WORD = re.compile(r"[A-Za-z_~/.][\w./:+@~-]*")
_NEARLY_LITERAL = {"true": "True", "false": "False", "none": "None", "null": "None", "nil": "None"}
_NO_WORDS = ("inf", "nan")


def parse_init(pairs: Sequence[str]) -> dict[str, object]:
    """Reads ``KEY=VALUE`` pairs; values are Python literals, or bare words, which are strings (``resnet50``, ``cuda:0``).

    Raises:
        TargetError: a pair has no ``=``, its key is no name or was there before, or its value isn't a Python literal.
    """
    init: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise TargetError(f"--init {pair!r} has no '='", "Write --init KEY=VALUE, as in --init num_classes=10.")
        if not key.isidentifier() or keyword.iskeyword(key):
            name = key.replace("-", "_")
            hint = f"Did you mean {name}={printable(value)}?" if name.isidentifier() and not keyword.iskeyword(name) else ""
            raise TargetError(f"--init {pair!r}: {key!r} isn't an argument name", hint)
        if key in init:
            raise TargetError(f"--init gives {key!r} twice: {init[key]!r} and {value!r}", "Give it once.")
        init[key] = _init_value(key, value.strip(), pair)
    return init


def _init_value(key: str, text: str, pair: str) -> object:
    if not text:
        raise TargetError(f"--init {pair!r} has no value", f"For an empty string: --init '{key}=\"\"'.")
    literal = _NEARLY_LITERAL.get(text.lower(), text)
    if literal != text:
        hint = f"Write {key}={literal}, or '{key}=\"{text}\"' for the string."
        raise TargetError(f"--init {pair!r}: {text!r} isn't a Python literal", hint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        if _is_word(text):
            return text
        raise TargetError(
            f"--init {pair!r}: {text!r} isn't a Python literal",
            f"A string needs quotes of its own: --init '{key}=\"...\"'. {_LITERALS} {_MAKE_IT_YOURSELF}",
        ) from error


def _is_word(text: str) -> bool:
    """Whether a value that isn't a Python literal can only be meant as a string."""
    return bool(_BARE_WORD.fullmatch(text)) and text.lower() not in _NO_WORDS and not text.startswith("torch.")
