"""A difference for people: what was added, removed and changed, section by section."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.text import Text

from modinspect.diff import Change, Difference, Facts
from modinspect.render.text import compact, data_size, plain, shape_text, short_name

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_ROOT = "(the model)"
_QUIET = ("inputs", "outputs", "registered", "layer", "training", "hidden", "arguments", "aliases", "kind", "param_bytes")
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
    text.append(f"  {sign} {_title(change)}".rstrip(), style)
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
        yield from _differing(change.before, change.after)
        return
    facts: Facts = change.before or change.after or {}
    if "inputs" in facts:
        yield f"{_value('inputs', facts['inputs'])} → {_value('outputs', facts['outputs'])}"
    for key, value in facts.items():
        if key not in _QUIET and value not in (None, "", [], {}):
            yield _fact(key, value)


def _differing(before: Facts, after: Facts) -> Iterator[str]:
    told: set[tuple[Any, Any]] = set()
    for key, old in before.items():
        new = after[key]
        if _are_numbers(old, new):
            if (old, new) in told or (key == "param_bytes" and "params" in before):
                continue  # the same once more under another name
            told.add((old, new))
        yield _change(key, old, new)


def _change(key: str, old: Any, new: Any) -> str:
    if key == "extra_repr":
        return _lists_change("", old.split(", "), new.split(", "))
    if key in ("inputs", "outputs"):
        return _tensors_change(key, old, new)
    growth = _growth(key, new - old) if _are_numbers(old, new) else ""
    return f"{_label(key)} {_value(key, old)} → {_value(key, new)}{growth}"


def _lists_change(label: str, old: list[str], new: list[str]) -> str:
    """What differs between two lists: item by item where they are as long."""
    if len(old) == len(new):
        pairs = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        return label + ", ".join(f"{plain(a) or 'none'} → {plain(b) or 'none'}" for a, b in pairs)
    return f"{label}{plain(', '.join(old)) or 'none'} → {plain(', '.join(new)) or 'none'}"


def _tensors_change(key: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str:
    """As :func:`_lists_change`, with the names of arguments, and origins only where they differ."""
    if len(old) != len(new):
        return _lists_change(f"{key} ", [_tensor(tensor) for tensor in old], [_tensor(tensor) for tensor in new])
    told = []
    for a, b in zip(old, new, strict=True):
        if a != b:
            whence = a.get("from") != b.get("from")
            name = plain(str(a.get("argument") or ""))
            told.append(f"{name} {_tensor(a, whence=whence)} → {_tensor(b, whence=whence)}".strip())
    return f"{'takes' if key == 'inputs' else 'gives'} {', '.join(told)}"


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _fact(key: str, value: Any) -> str:
    value_text = _value(key, value)
    return value_text if key in ("class", "shape", "dtype", "extra_repr") else f"{_label(key)} {value_text}"


def _label(key: str) -> str:
    return {"flops": "FLOPs", "hidden_flops": "hidden FLOPs"}.get(key, key.replace("_", " "))


def _value(key: str, value: Any) -> str:
    if value is None and key not in ("shape", "flops"):
        return "none"
    write = _WRITERS.get(key) or _BY_TYPE.get(type(value)) or str
    return plain(write(value)) or "none"


def _tensor(tensor: Mapping[str, Any], *, whence: bool = True) -> str:
    origin = tensor.get("from") if whence else None
    return (
        f"{_shape(tensor['shape'], tensor['dtype'])} from {plain(origin)}"
        if origin
        else _shape(tensor["shape"], tensor["dtype"])
    )


def _shape(sizes: list[int | None] | None, dtype: str = "") -> str:
    return shape_text(None if sizes is None else tuple(sizes), dtype)


def _growth(key: str, number: int) -> str:
    return f" ({'-' if number < 0 else '+'}{_value(key, abs(number))})" if number else ""


_WRITERS: dict[str, Callable[[Any], str]] = {
    "shape": _shape,
    "flops": lambda flops: "?" if flops is None else compact(flops),
    "output_shapes": lambda shapes: ", ".join(map(_shape, shapes)),
    "inputs": lambda tensors: ", ".join(map(_tensor, tensors)) or "nothing",
    "outputs": lambda tensors: ", ".join(map(_tensor, tensors)) or "nothing",
    "param_bytes": data_size,
    "buffer_bytes": data_size,
}
_BY_TYPE: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "yes" if value else "no",
    int: compact,
    list: lambda items: ", ".join(map(str, items)),
    dict: lambda items: ", ".join(f"{name}={item!r}" for name, item in items.items()),
}


def _counts(difference: Difference) -> str:
    counts = Counter[str](change.kind for change in difference.changes)
    return ", ".join(f"{counts[kind]} {kind}" for kind in _SIGNS if counts[kind]) or "no difference"
