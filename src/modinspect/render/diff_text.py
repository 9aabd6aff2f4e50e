"""A difference for people: what was added, removed and changed, section by section."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from modinspect.diff import Change, Difference, Facts
from modinspect.render.text import compact, data_size, plain, shape_text, short_name

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_ROOT = "(the model)"
_QUIET = ("registered", "layer", "training", "hidden", "argument", "arguments", "aliases", "kind")
"""Facts that are told where they change, and not of what is new or gone."""


def diff_text(difference: Difference) -> Text:
    """The difference, a line for each change and a line of counts at the end; styled where the console can."""
    text = Text(no_wrap=True)
    text.append(f"- {plain(difference.before)}\n", "red").append(f"+ {plain(difference.after)}\n", "green")
    for section, changes in itertools.groupby(difference.changes, lambda change: change.section):
        text.append(f"\n{section}\n", "bold")
        for change in changes:
            _append(text, change)
    return text.append(f"\n{_counts(difference)}\n")


def _append(text: Text, change: Change) -> None:
    sign, style = _SIGNS[change.kind]
    text.append(f"  {sign} ", style).append(_title(change), style)
    details = list(_details(change))
    if details:
        text.append("  " + " · ".join(details))
    text.append("\n")


def _title(change: Change) -> str:
    if change.section == "ops":
        return f"{plain(short_name(change.name))} in {plain(change.module or _ROOT)}"
    return plain(change.name) or ("" if change.section in ("totals", "error") else _ROOT)


def _details(change: Change) -> Iterator[str]:
    if change.before is not None and change.after is not None:
        for key, old in change.before.items():
            yield _change(key, old, change.after[key])
        return
    facts: Facts = change.before or change.after or {}
    for key, value in facts.items():
        if key not in _QUIET and value not in (None, "", [], {}):
            yield _fact(key, value)


def _change(key: str, old: Any, new: Any) -> str:
    if key in ("inputs", "outputs", "arguments"):
        return f"{key}: {_value(key, old)} → {_value(key, new)}"
    growth = f" ({'+' if new > old else ''}{_number(key, new - old)})" if _are_numbers(old, new) else ""
    return f"{_label(key)} {_value(key, old)} → {_value(key, new)}{growth}"


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _fact(key: str, value: Any) -> str:
    value_text = _value(key, value)
    return value_text if key in ("class", "shape", "dtype", "outputs", "inputs", "repr_line") else f"{_label(key)} {value_text}"


def _label(key: str) -> str:
    return {"flops": "FLOPs", "hidden_flops": "hidden FLOPs", "repr_line": "arguments"}.get(key, key.replace("_", " "))


def _value(key: str, value: Any) -> str:
    if value is None:
        return "?" if key in ("flops", "shape") else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _number(key, value)
    if key == "shape":
        return shape_text(tuple(value))
    if key == "output_shapes":
        return ", ".join(shape_text(None if shape is None else tuple(shape)) for shape in value) or "none"
    if key in ("inputs", "outputs"):
        return ", ".join(_tensor(tensor) for tensor in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(name))}={plain(repr(item))}" for name, item in value.items()) or "none"
    return plain(", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "none"


def _tensor(tensor: Mapping[str, Any]) -> str:
    shape = shape_text(None if tensor["shape"] is None else tuple(tensor["shape"]), tensor["dtype"])
    origin = tensor.get("from")
    return f"{shape} from {plain(origin)}" if origin else shape


def _number(key: str, value: int) -> str:
    if key.endswith("bytes"):
        return f"-{data_size(-value)}" if value < 0 else data_size(value)
    return f"-{compact(-value)}" if value < 0 else compact(value)


def _counts(difference: Difference) -> str:
    counts = Counter(change.kind for change in difference.changes)
    return ", ".join(f"{counts[kind]} {kind}" for kind in _SIGNS if counts[kind]) or "no difference"
