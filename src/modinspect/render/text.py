"""Text for people: what a model says made harmless, numbers made short, and strings cut to a width.

Names, classes, file names, messages and code come from the model: whatever they hold prints as plain text. :func:`plain` is the
one way from such a string to the page.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from modinspect.report import Shape, Source
from modinspect.wording import from_package_on

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control codes, format codes (the ones that turn the direction of text among them), surrogates, separators of lines."""

_COMMAND = re.compile(
    "::(?=(?:error|warning|notice|debug|group|endgroup|echo|add-mask|add-path|add-matcher|remove-matcher|set-env|set-output"
    "|save-state|stop-commands|internal-set-repo-path)(?: .*)?::)|#(?=#\\[)",
    re.IGNORECASE,
)
"""What GitHub Actions would obey in the log of a step, both standard streams: ``##[error]`` anywhere, and ``::error::``
at the beginning of a line, where any word may come to stand as text is wrapped."""

_UNITS = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def plain(text: str, *, lines: bool = False) -> str:
    r"""``text`` with each character that a terminal would act on written out (``\x1b``), and the first of each command that the
    log of a CI service would (``\x3a:error::``).

    Args:
        text: anything that the model, the user or torch said.
        lines: keep the line breaks, and tabs as four spaces.
    """
    if not (text.isascii() and text.isprintable()):
        if lines:
            text = text.replace("\r\n", "\n").expandtabs(4)
            return "\n".join(plain(line) for line in text.split("\n"))
        text = "".join(_escaped(char) if unicodedata.category(char) in _INVISIBLE else char for char in text)
    if "::" in text or "##[" in text:
        return _COMMAND.sub(lambda found: _escaped(found[0][0]) + found[0][1:], text)
    return text


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width_of(text: str) -> int:
    """The cells that ``text`` takes in a terminal."""
    return len(text) if text.isascii() else cell_len(text)


def cut_right(text: str, width: int, ellipsis: str = "…") -> str:
    """The beginning of ``text`` in at most ``width`` cells.

    Args:
        text: to shorten
        width: in cells
        ellipsis: replaces what is cut
    """
    if width_of(text) <= width:
        return text
    room = width - width_of(ellipsis)
    return set_cell_size(text, room).rstrip() + ellipsis if room > 0 else ellipsis[:width]


def cut_left(text: str, width: int, ellipsis: str = "…") -> str:
    """The end of ``text`` in at most ``width`` cells.

    Args:
        text: to shorten
        width: in cells
        ellipsis: replaces what is cut
    """
    if width_of(text) <= width:
        return text
    room = width - width_of(ellipsis)
    return ellipsis + set_cell_size(text[::-1], room)[::-1].lstrip() if room > 0 else ellipsis[:width]


def cut_path(text: str, width: int, ellipsis: str = "…") -> str:
    """The end of a path in at most ``width`` cells, cut between two folders where one fits.

    Args:
        text: to shorten
        width: in cells
        ellipsis: replaces what is cut
    """
    if width_of(text) <= width:
        return text
    folders = text.split("/")
    for first in range(1, len(folders)):
        shorter = "/".join([ellipsis, *folders[first:]])
        if width_of(shorter) <= width:
            return shorter
    return cut_left(folders[-1], width, ellipsis)


def compact(number: int) -> str:
    """Whole below ten thousand, then three digits and a unit: ``9,999``, ``85.2 M``."""
    if number < 10_000:
        return f"{number:,}"
    for size, unit in _UNITS:
        # Compared after rounding: 999,996 is 1.00 M, not 1000 k.
        if round(number, 2 - _magnitude(number)) >= size:
            return f"{_three_digits(number / size)} {unit}"
    return f"{number:,}"


def _three_digits(value: float) -> str:
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def _magnitude(number: int) -> int:
    return len(str(abs(number))) - 1


def data_size(count: int) -> str:
    """Bytes in a unit that people read: ``220 B``, ``418 MiB``."""
    for size, unit in _BYTES:
        if count >= size:
            return f"{_three_digits(count / size)} {unit}"
    return f"{count} B"


def percent(part: int, whole: int) -> str:
    """How much of ``whole``: never ``0 %`` of something nor ``100 %`` of less than all."""
    share = round(100 * part / whole)
    if share == 0 and part:
        return "<1 %"
    if share == 100 and part != whole:
        return ">99 %"
    return f"{share} %"


def amount(count: int, noun: str, plural: str = "") -> str:
    """``1 op``, ``2 ops``, ``1,234 ops``.

    Args:
        count: how many
        noun: for one
        plural: for any other number; with an ``s`` if not given
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shape_text(shape: Shape | None, dtype: str = "float32") -> str:
    """``(1, 5)``; ``?`` for what is not known; the dtype only where it is not float32."""
    sizes = "?" if shape is None else _sizes(shape)
    dtype = dtype.removeprefix("torch.")
    return sizes if dtype in ("float32", "") else f"{sizes} {plain(dtype)}"


@functools.lru_cache(maxsize=4096)
def _sizes(shape: tuple[int | None, ...]) -> str:
    inside = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def some(items: Sequence[str], most: int, ellipsis: str = "…") -> str:
    """The first items and how many more there are: ``a, b …+3``.

    Args:
        items: all of them
        most: how many to name
        ellipsis: comes before the number of the others
    """
    shown = ", ".join(items[:most])
    return f"{shown} {ellipsis}+{len(items) - most}" if len(items) > most else shown


def list_items(text: str) -> list[str]:
    """The items of a list as ``extra_repr`` writes it, where a tuple is one item."""
    items: list[list[str]] = []
    open_brackets = 0
    for part in text.split(", "):
        if open_brackets > 0:
            items[-1].append(part)
        else:
            items.append([part])
            open_brackets = 0
        open_brackets += sum(map(part.count, "([{")) - sum(map(part.count, ")]}"))
    return [", ".join(parts) for parts in items]


def place(source: Source | None) -> str:
    """``model.py:31``; a file of an installed package begins with the package."""
    if source is None:
        return ""
    file = source.file
    if file.startswith("<"):  # code made at run time, whose name may tell its whole story
        file = file.partition(" ")[0]
    return f"{plain(from_package_on(file))}:{source.line}"


@functools.lru_cache(maxsize=4096)
def aten_name(name: str) -> str:
    """An operator's name without what goes without saying: ``addmm``, ``add.Scalar``; other libraries' keep theirs."""
    return name.removesuffix(".default").removeprefix("aten.")


def last_part(name: str) -> str:
    """A class without its module."""
    return name.rpartition(".")[2] or name
