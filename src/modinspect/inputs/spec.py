"""The grammar of ``--input``: ``[name=]DIMS[:dtype][:fill]`` or ``[name=]@FILE``. Parses text only.

1,10                       mask=1,128:bool:ones      x=@batch.npy
ids=1,128:int64:0..30522   t=:int64:zeros            :float32
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from modinspect.errors import InputError
from modinspect.wording import did_you_mean, printable, sentences

GRAMMAR = "An input is [name=]DIMS[:dtype][:fill], as in 1,3,224,224 or ids=1,128:int64, or [name=]@file."

ALIASES: dict[str, tuple[str, ...]] = {
    "float64": ("double", "f64", "fp64"),
    "float32": ("float", "f32", "fp32"),
    "float16": ("half", "f16", "fp16"),
    "bfloat16": ("bf16",),
    "float8_e4m3fn": (),
    "float8_e5m2": (),
    "complex128": ("cdouble", "c128"),
    "complex64": ("cfloat", "c64"),
    "complex32": ("chalf", "c32"),
    "int64": ("long", "i64"),
    "int32": ("int", "i32"),
    "int16": ("short", "i16"),
    "int8": ("i8",),
    "uint64": ("u64",),
    "uint32": ("u32",),
    "uint16": ("u16",),
    "uint8": ("byte", "u8"),
    "bool": (),
}
"""The names of dtypes that torch has, and short ones for them."""

_DTYPES = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}
_FILLS = ("randn", "rand", "zeros", "ones")
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*")
_PART = re.compile(r"\w(?:[\w-]*\w)?")
"""A part of a dotted name: a key or an index."""

_LARGEST = 2**63 - 1  # for sizes, and for bounds of torch.randint
_FILES = (".pt", ".pth", ".npy", ".safetensors")


@dataclass(frozen=True)
class InputSpec:
    """A parsed ``--input``: a tensor to create, or a ``file`` to load. ``str(spec)`` parses to an equal spec.

    Args:
        name: the argument, dotted for an item in it (``batch.ids``, ``xs.0``); ``None`` for the next one in order.
        dims: ``()`` for a scalar.
        dtype: torch's name; ``None`` for the default.
        fill: its values; ``None`` for the default.
        file: the file to load.
    """

    name: str | None = None
    dims: tuple[int, ...] = ()
    dtype: str | None = None
    fill: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name is not None else ""
        if self.file is not None:
            return f"{name}@{self.file}"
        rest = [part for part in (self.dtype, self.fill) if part is not None]
        return name + ":".join([",".join(str(size) for size in self.dims), *rest])


def parse_spec(text: str) -> InputSpec:
    """Parses one ``--input``.

    Raises:
        InputError: the text is malformed, or asks for an impossible tensor.
    """
    if not text.strip():
        raise InputError("an input is empty", sentences("A scalar is written :float32.", GRAMMAR))
    if "\0" in text:
        raise InputError(f"the input {text!r} contains a NUL character", GRAMMAR)
    written = text.strip()
    name, value = _split_name(written)
    if value.startswith("@"):
        return InputSpec(name, file=_file(value[1:], written))
    dims, *rest = value.split(":")
    dtype, fill = _dtype_and_fill([part.strip() for part in rest], dims, written)
    if not dims.strip() and dtype is None and fill is None:
        raise _wrong(written, "it gives no sizes", f"A scalar needs a dtype: {printable(written)}:float32.")
    spec = InputSpec(name, _dims(dims, written), dtype, fill)
    _check_fill(spec, written)
    return spec


def dtype_name(text: str) -> str | None:
    """The name of a dtype in torch (``float16`` for ``half`` and ``torch.half``); ``None`` if it isn't a dtype."""
    return _DTYPES.get(text.removeprefix("torch."))


def value_range(dtype: str) -> tuple[int, int] | None:
    """The smallest and largest value of an integer dtype or ``bool``, ``None`` for others."""
    if dtype == "bool":
        return 0, 1
    match = re.fullmatch(r"(u?)int([0-9]+)", dtype)
    if match is None:
        return None
    bits = int(match[2])
    return (0, 2**bits - 1) if match[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def bounds(fill: str) -> tuple[str, str] | None:
    """``LOW`` and ``HIGH`` of a fill ``LOW..HIGH``, ``None`` for others."""
    match = _RANGE.fullmatch(fill)
    return (match[1], match[2]) if match else None


def _wrong(written: str, what: str, hint: str = GRAMMAR) -> InputError:
    return InputError(f"the input {written!r}: {what}", hint)


def _split_name(written: str) -> tuple[str | None, str]:
    before, equals, after = written.partition("=")
    if not equals or written.startswith("@"):
        return None, written
    name = before.strip()
    first, *rest = name.split(".")
    if not first.isidentifier() or not all(_PART.fullmatch(part) for part in rest):
        hint = "What is in a list or dict has a dotted name: xs.0, batch.ids." if "." in name or "[" in name else GRAMMAR
        raise _wrong(written, f"{name!r} isn't an argument name" if name else "there is no name before '='", hint)
    return name, after.strip()


def _file(path: str, written: str) -> str:
    if not path.strip():
        raise _wrong(written, "no file follows the '@'", f"A file ends in {', '.join(_FILES)}.")
    return path


def _dims(text: str, written: str) -> tuple[int, ...]:
    if not text.strip():
        return ()
    parts = [part.strip() for part in text.split(",")]
    for index, part in enumerate(parts):
        if re.fullmatch("[0-9]{1,19}", part) is None or int(part) > _LARGEST:
            raise _wrong(written, *(_odd_list(text.strip()) or _odd_size(index, parts)))
    return tuple(int(part) for part in parts)


def _odd_list(text: str) -> tuple[str, str] | None:
    """What is wrong with the list of sizes, and a hint."""
    if text.endswith(_FILES) or "/" in text or "\\" in text:
        return f"{text!r} isn't a list of sizes", f"A file is given as @{printable(text)}."
    if text[:1] in "([" and text[-1:] in ")]":
        return "the sizes are in brackets", f"Leave them out: {printable(text[1:-1].strip())}"
    numbers = re.findall("[0-9]+", text)
    if re.fullmatch(r"[0-9]+(\s*[xX* ]\s*[0-9]+)+", text):
        return f"{text!r} isn't a list of sizes", f"Commas separate them: {','.join(numbers)}."
    if re.fullmatch(r"[0-9]+(\s*,\s*[0-9]+)*\s*,", text):
        return "a size is missing after the last comma", f"Write {','.join(numbers)}."
    return None


def _odd_size(index: int, parts: list[str]) -> tuple[str, str]:
    """What is wrong with one size, and a hint."""
    part = parts[index]
    which = f"size {index + 1}"
    if not part:
        return f"{which} is missing", GRAMMAR
    if re.fullmatch("-[0-9]+", part):
        return f"{which} is negative: {part[:20]}", "A size is 0 or more."
    if re.fullmatch("[0-9]+", part):
        return f"{which} has {len(part)} digits, more than a tensor can have", "Give a smaller one."
    if dtype_name(part) or part in _FILLS:
        return f"{which} is missing before {part!r}", f"A colon comes before it: {printable(','.join(parts[:index]))}:{part}."
    return f"{which}, {part!r}, isn't an integer", GRAMMAR


def _dtype_and_fill(parts: list[str], dims: str, written: str) -> tuple[str | None, str | None]:
    if len(parts) > 2:
        raise _wrong(written, f"{len(parts)} parts follow the sizes, there can be two")
    dtype: str | None = None
    fill: str | None = None
    for part in parts:
        if not part:
            raise _wrong(written, "nothing follows a ':'", "Leave out the ':' where there isn't a dtype or fill.")
        if fill is not None:
            hint = f"The dtype comes first: {printable(dims)}:{part}:{fill}." if dtype_name(part) else GRAMMAR
            raise _wrong(written, f"{part!r} follows the fill {fill!r}", hint)
        known = dtype_name(part)
        if known and dtype is None:
            dtype = known
        elif part in _FILLS or bounds(part):
            fill = part if part in _FILLS else "..".join(bounds(part) or ())
        else:
            raise _wrong(written, *_odd_part(part, dtype))
    return dtype, fill


def _odd_part(part: str, dtype: str | None) -> tuple[str, str]:
    """What is wrong with a part after a colon, and a hint."""
    fills = f"Fills: {', '.join(_FILLS)} and LOW..HIGH, as in 0..100."
    if dtype is not None:
        return f"{part!r} isn't a fill", sentences(did_you_mean(part, _FILLS), fills)
    if ".." in part:
        return f"{part!r} isn't a range of numbers", fills
    if re.fullmatch("-?[0-9]{1,18}", part):
        return f"{part!r} isn't a fill", f"For {part} everywhere write int64:{part}..{int(part) + 1}. {fills}"
    common = "Dtypes: float32, bfloat16, int64, bool, ..."
    return f"{part!r} is neither a dtype nor a fill", sentences(did_you_mean(part, [*_DTYPES, *_FILLS]), common, fills)


def _check_fill(spec: InputSpec, written: str) -> None:
    """Checks that the dtype can hold the values. A spec without a dtype is floating."""
    if spec.fill is None:
        return
    limits = value_range(spec.dtype) if spec.dtype else None
    if limits and spec.fill in ("rand", "randn"):
        works = "0..2" if spec.dtype == "bool" else "0..100"
        raise _wrong(written, f"{spec.fill} makes no values of {spec.dtype}", f"Use zeros, ones or a range, as in {works}.")
    ends = bounds(spec.fill)
    if ends is None:
        return
    if spec.dtype and spec.dtype.startswith("complex"):
        raise _wrong(written, f"{spec.dtype} has no range of values", "Use randn, rand, zeros or ones.")
    if limits:
        _check_integers(spec, ends, limits, written)
    else:
        _check_floats(ends, written)


def _check_integers(spec: InputSpec, ends: tuple[str, str], limits: tuple[int, int], written: str) -> None:
    if any(re.fullmatch("-?[0-9]{1,25}", end) is None for end in ends):
        raise _wrong(written, f"{spec.fill} aren't integers, and {spec.dtype} holds only integers", "Write it like 0..100.")
    low, high = int(ends[0]), int(ends[1])
    _check_order(low, high, f"{low}..{low + 1}", written)
    smallest, largest = limits[0], min(limits[1], _LARGEST - 1)
    if low < smallest or high - 1 > largest:
        worst = low if low < smallest else high - 1
        raise _wrong(
            written, f"{worst} is out of range for {spec.dtype}", f"HIGH is exclusive: at most {smallest}..{largest + 1}."
        )


def _check_floats(ends: tuple[str, str], written: str) -> None:
    low, high = float(ends[0]), float(ends[1])
    if math.isinf(low) or math.isinf(high):
        raise _wrong(written, "a bound is too large", "Give smaller bounds.")
    _check_order(low, high, "0..1", written)


def _check_order(low: float, high: float, example: str, written: str) -> None:
    if low >= high:
        raise _wrong(
            written, f"there is no value between {low} and {high}", f"LOW is below HIGH, which is exclusive: {example}."
        )
