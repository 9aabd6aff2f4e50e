"""Sizes as people write them."""

from __future__ import annotations

import re

from modinspect.errors import InputError

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def parse_size(text: str) -> int:
    """Bytes of ``24GiB`` or ``80GB``.

    Raises:
        InputError: it is not a number with a unit.
    """
    found = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise InputError(f"{text!r} isn't a size with a unit", "Sizes are written as 24GiB, 512MiB or 80GB.")
    return int(float(found[1]) * unit)
