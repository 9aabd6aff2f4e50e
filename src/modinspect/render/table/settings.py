"""The settings of a layer in short: ``3→64, k7 s2 p3`` from what its ``extra_repr`` says.

A reader turns the fields of one kind of layer into parts, the most important first. It applies to classes whose name ends as in
``_READERS``. If a field that it needs is missing, the fields are listed as they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modinspect.render.text import list_items

_LONGEST = 400
"""Longer texts are not read: some modules write down all that they hold."""


def settings_forms(class_name: str, extra_repr: str, *, whole: bool = False) -> tuple[str, ...]:
    """What follows the class, the longest form first: ``(" 3→64, k7 s2 p3", " 3→64", "")``.

    Args:
        class_name: without its module
        extra_repr: what the module says of itself
        whole: begin with all of it, as ``print(model)`` writes it
    """
    extra_repr = " ".join(extra_repr.split())
    forms = _forms(class_name, extra_repr)
    return (f"({extra_repr})", *forms) if whole and extra_repr else forms


@functools.lru_cache(maxsize=4096)
def _forms(class_name: str, extra_repr: str) -> tuple[str, ...]:
    parts = _parts(class_name, extra_repr) if len(extra_repr) <= _LONGEST else []
    return (*(f" {', '.join(parts[:count])}" for count in range(len(parts), 0, -1)), "")


def _parts(class_name: str, extra_repr: str) -> list[str]:
    fields = _read(extra_repr)
    for ending, reader in _READERS:
        if ending.search(class_name):
            try:
                return [part for part in reader(fields) if part]
            except (KeyError, IndexError):
                break
    return list(_as_listed(fields))


# -- fields


@dataclass(frozen=True, slots=True)
class _Fields:
    """``3, 64, bias=False``: values by position and by name, as text."""

    values: Sequence[str]
    named: Mapping[str, str]

    @property
    def bias(self) -> Sequence[str]:
        """``no bias`` where that is so."""
        return ["no bias"] if self.named.get("bias") == "False" else []


def _read(extra_repr: str) -> _Fields:
    values, named = [], {}
    for item in list_items(extra_repr):
        name, equals, value = item.partition("=")
        if equals and name.isidentifier():
            named[name] = value
        elif item:
            values.append(item)
    return _Fields(values, named)


def _size(value: str) -> str:
    """``7`` for ``(7, 7)`` and ``3×5`` for ``(3, 5)``."""
    sizes = [size.strip() for size in value.strip("()").split(",") if size.strip()]
    return sizes[0] if sizes and len(set(sizes)) == 1 else "×".join(sizes)


# -- readers


def _convolution(fields: _Fields) -> Iterator[str]:
    yield f"{fields.values[0]}→{fields.values[1]}"
    yield _window(fields, stride="1")
    if "groups" in fields.named:
        yield f"groups {fields.named['groups']}"
    yield from fields.bias
    yield from _others(fields, "output_padding", "padding_mode")


def _pooling(fields: _Fields) -> Iterator[str]:
    yield _window(fields, stride="None")


def _window(fields: _Fields, stride: str) -> str:
    """``k7 s2 p3``: the kernel, and what differs from the usual stride, no padding and no dilation."""
    parts = [f"k{_size(fields.named['kernel_size'])}"]
    for name, usual in (("stride", stride), ("padding", "0"), ("dilation", "1")):
        size = _size(fields.named.get(name, usual))
        if size != usual:
            parts.append(f"{name[0]}{size}" if size[:1].isdigit() else f"{name} {size}")
    return " ".join(parts)


def _linear(fields: _Fields) -> Iterator[str]:
    yield f"{fields.named['in_features']}→{fields.named['out_features']}"
    yield from fields.bias


def _recurrent(fields: _Fields) -> Iterator[str]:
    layers = f" ×{fields.named['num_layers']}" if "num_layers" in fields.named else ""
    both_ways = " bi" if fields.named.get("bidirectional") == "True" else ""
    yield f"{fields.values[0]}→{fields.values[1]}{layers}{both_ways}"
    yield from fields.bias
    yield from _others(fields, "dropout", "proj_size", "nonlinearity")


def _embedding(fields: _Fields) -> Iterator[str]:
    yield f"{fields.values[0]}→{fields.values[1]}"
    yield from _others(fields, "padding_idx", "mode")


def _norm(fields: _Fields) -> Iterator[str]:
    yield from _normalized(fields, _size_in_full(fields.values[0]))


def _group_norm(fields: _Fields) -> Iterator[str]:
    yield from _normalized(fields, f"{fields.values[1]}, {fields.values[0]} groups")


def _normalized(fields: _Fields, size: str) -> Iterator[str]:
    affine = fields.named.get("affine", fields.named.get("elementwise_affine"))
    yield size
    if affine == "False":
        yield "no affine"
    elif affine == "True":
        yield from fields.bias
    usual = {"eps": ("1e-05", "None"), "momentum": ("0.1",)}
    yield from (f"{name}={fields.named[name]}" for name in usual if fields.named.get(name, usual[name][0]) not in usual[name])
    if fields.named.get("track_running_stats") == "False":
        yield "no running stats"


def _instance_norm(fields: _Fields) -> Iterator[str]:
    """Without what is usual for it: no weights, no statistics."""
    yield fields.values[0]
    yield from (name for name in ("affine", "track_running_stats") if fields.named.get(name) == "True")


def _size_in_full(value: str) -> str:
    """``32`` for ``(32,)`` and ``8×8`` for ``(8, 8)``."""
    return "×".join(size.strip() for size in value.strip("()").split(",") if size.strip())


def _others(fields: _Fields, *names: str) -> Iterator[str]:
    for name in names:
        if name in fields.named:
            yield from _item(name, fields.named[name])


def _as_listed(fields: _Fields) -> Iterator[str]:
    """All fields except those that are off; a bias is usual."""
    yield from fields.values
    for name, value in fields.named.items():
        if name != "bias":
            yield from _item(name, value)
    yield from fields.bias


def _item(name: str, value: str) -> Iterator[str]:
    value = value.strip("'")
    if value not in ("False", "None", "none"):
        yield name if value == "True" else f"{name}={value}"


_READERS: tuple[tuple[re.Pattern[str], Callable[[_Fields], Iterator[str]]], ...] = (
    (re.compile(r"Conv(Transpose)?[123]d$"), _convolution),
    (re.compile(r"(Max|Avg|LP)(Un)?[Pp]ool[123]d$"), _pooling),
    (re.compile(r"Linear$"), _linear),
    (re.compile(r"(LSTM|GRU|RNN)(Cell)?$"), _recurrent),
    (re.compile(r"Embedding(Bag)?$"), _embedding),
    (re.compile(r"InstanceNorm[123]d$"), _instance_norm),
    (re.compile(r"GroupNorm$"), _group_norm),
    (re.compile(r"(Batch|Layer|RMS)Norm([123]d)?$"), _norm),
)
