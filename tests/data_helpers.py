"""Changes to the parts of a report, which are structs, and to reports themselves."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

Data = TypeVar("Data")


def replace(data: Data, **changes: Any) -> Data:
    """A copy with other fields, as ``copy.replace`` makes one on Python 3.13."""
    if isinstance(data, msgspec.Struct):
        return msgspec.structs.replace(data, **changes)
    return dataclasses.replace(data, **changes)  # type: ignore[type-var]
