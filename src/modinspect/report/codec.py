"""Between structs and JSON: plain data, and text with one line for each item."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from modinspect.errors import ReportError

_Struct = TypeVar("_Struct")

_MAKE_ANEW = "The file is damaged or incomplete. Make the report again."


def plain(value: Any) -> Any:
    """A struct as JSON's own types: dicts, lists, strings, numbers, booleans and ``None``."""
    return _lists(msgspec.to_builtins(value))


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_lists(item) for item in value]
    return value


def read(data: object, kind: type[_Struct]) -> _Struct:
    """Plain data as a struct or dataclass; unknown keys are ignored.

    Raises:
        ReportError: something has the wrong type; the message has its path (``$.modules[3].path``).
    """
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ReportError(f"not a whole report: {error}", _MAKE_ANEW) from error


def read_json(text: str, kind: type[_Struct]) -> _Struct:
    """As :func:`read`, from JSON text, without making plain data of it first.

    Raises:
        ReportError: as :func:`read`, and where ``text`` isn't JSON.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise ReportError(f"not a whole report: {error}", _MAKE_ANEW) from error
    except (msgspec.DecodeError, RecursionError):
        pass  # half a surrogate pair is valid JSON for the standard library only, which also says best what isn't JSON
    return read(from_text(text), kind)


def from_text(text: str) -> object:
    """The data of a JSON text.

    Raises:
        ReportError: it isn't JSON.
    """
    try:
        data: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"this isn't valid JSON: {error}", _MAKE_ANEW) from error
    return data


def json_text(fields: Mapping[str, Any]) -> str:
    """An object as JSON in ASCII, with a line for each field and for each item of its lists.

    JSON has no numbers that are not finite: they become the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {_field(value)}" for name, value in fields.items()) + "\n}\n"


def _field(value: Any) -> str:
    if isinstance(value, (tuple, list)) and value:
        return "[\n" + ",\n".join(f"    {line}" for line in _lines(value)) + "\n  ]"
    return next(_lines([value]))


def _lines(items: Sequence[Any]) -> Iterator[str]:
    encode = msgspec.json.Encoder().encode
    for item in items:
        if _has_odd_floats(item):
            yield _by_hand(_finite(msgspec.to_builtins(item)))
            continue
        try:
            line = encode(item)
        except UnicodeEncodeError:  # half a surrogate pair, as a file name may have
            yield _by_hand(msgspec.to_builtins(item))
            continue
        yield line.decode() if line.isascii() else _by_hand(msgspec.to_builtins(item))


def _by_hand(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def _has_odd_floats(item: Any) -> bool:
    """Whether the arguments of an op have a number that is not finite: nothing else in a report can."""
    arguments = getattr(item, "arguments", None) or getattr(getattr(item, "op", None), "arguments", None)
    return bool(arguments) and _odd(arguments)


def _odd(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_odd, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_odd, value))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
