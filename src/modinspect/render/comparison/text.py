"""A difference for people: what was added, removed and changed, section by section."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from modinspect.comparison import Change, Difference, Facts
from modinspect.render.text import compact, data_size, list_items, plain, shape_text
from modinspect.report import short_name

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_ROOT = "(the model)"
_INDENT = "      "
_ITEMS = re.compile(r"(?<=,) (?![^()]*\))")
"""The blanks between the items of a list; those inside a shape are none."""
_QUIET = ("inputs", "outputs", "registered", "layer", "training", "hidden", "arguments", "aliases", "kind", "param_bytes")
"""Facts that are told where they change, and not of what is new or gone."""

_PARTS_OF_PARAMS = ("own_params", "trainable_params")


def render(difference: Difference, _options: None = None) -> str:
    """The difference without styles."""
    return diff_text(difference).plain


def diff_text(difference: Difference, width: int | None = None) -> Text:
    """The difference, a line for each change and a line of counts at the end; styled where the console can.

    With a ``width``, what a change does not fit into a line of that many cells goes on in the next, indented.
    """
    text = Text(no_wrap=True)
    text.append(f"- {plain(difference.before)}\n", "red").append(f"+ {plain(difference.after)}\n", "green")
    for section, changes in itertools.groupby(difference.changes, lambda change: change.section):
        text.append(f"\n{section}\n", "bold")
        for change in changes:
            _append(text, change, width)
    return text.append(f"\n{_counts(difference)}\n")


def _append(text: Text, change: Change, width: int | None) -> None:
    sign, style = _SIGNS[change.kind]
    title = _title(change)
    head = f"  {sign} {title}" if title else f"  {sign}"
    details = list(_details(change))
    gap = ("  " if title else " ") if details else ""
    told = head + gap + " · ".join(details) if width is None else _broken(head, gap, details, width)
    # The head may be broken too, where a name is longer than a line.
    text.append(told[: len(head)], style).append(told[len(head) :]).append("\n")


def _broken(head: str, gap: str, details: Sequence[str], width: int) -> str:
    """Lines that end between two details, or where one is longer than a line between two of its items, then between words."""
    room = max(width, 40)
    held = [_held(detail, room - len(_INDENT) - len("· ")) for detail in details]
    line = _held(head.lstrip(), room) + gap + " ·\0".join(held)
    lines = textwrap.wrap(
        line, room, initial_indent="  ", subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace("\0", " ")


def _held(text: str, room: int) -> str:
    """``text`` without the blanks that a line may be broken at."""
    if len(text) <= room:
        return text.replace(" ", "\0")
    items = _ITEMS.split(text)
    return " ".join(item.replace(" ", "\0") if len(item) <= room else item for item in items)  # a message is one long item


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
        if key not in _QUIET and value not in (None, "", [], {}) and not _goes_without_saying(key, facts):
            yield _fact(key, value)


def _goes_without_saying(key: str, facts: Facts) -> bool:
    """Whether a number of what is new or gone is nothing, or the one that stands under ``params`` already."""
    value = facts[key]
    if key in _PARTS_OF_PARAMS and value == facts.get("params"):
        return True
    return _are_numbers(value) and not value and key != "calls"


def _differing(before: Facts, after: Facts) -> Iterator[str]:
    for key, old in before.items():
        if not _is_told_by_params(key, before, after):
            yield _change(key, old, after[key])


def _is_told_by_params(key: str, before: Facts, after: Facts) -> bool:
    """Whether what changed is the number that stands under ``params`` once more, or its bytes."""
    if key == "param_bytes":
        return "params" in before
    return key in _PARTS_OF_PARAMS and all(facts[key] == facts.get("params") for facts in (before, after))


def _change(key: str, old: Any, new: Any) -> str:
    if key == "extra_repr":
        return _lists_change("", list_items(old), list_items(new))
    if key in ("inputs", "outputs"):
        return _tensors_change(key, old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        return f"{_label(key)} {_items_change(old, new)}"
    growth = _growth(key, new - old) if _are_numbers(old, new) else ""
    return f"{_label(key)} {_value(key, old)} → {_value(key, new)}{growth}"


def _lists_change(label: str, old: list[str], new: list[str]) -> str:
    """What differs between two lists: item by item where they are as long."""
    if len(old) == len(new):
        pairs = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        return label + ", ".join(f"{plain(a) or 'none'} → {plain(_without_name(a, b)) or 'none'}" for a, b in pairs)
    return f"{label}{plain(', '.join(old)) or 'none'} → {plain(', '.join(new)) or 'none'}"


def _without_name(old: str, new: str) -> str:
    """``6`` for ``out_features=6`` after ``out_features=5``."""
    name, equals, value = new.partition("=")
    return value if equals and old.startswith(f"{name}=") else new


def _items_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """``eps=1e-05 → 0.001`` for each name whose value differs."""
    names = [name for name in (*old, *(name for name in new if name not in old)) if _item(old, name) != _item(new, name)]
    return ", ".join(plain(f"{name}={_item(old, name)} → {_item(new, name)}") for name in names)


def _item(items: Mapping[str, Any], name: str) -> str:
    return repr(items[name]) if name in items else "none"


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
