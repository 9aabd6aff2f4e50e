"""What of a report to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class View:
    """What of a report to show.

    Args:
        depth: modules nested deeper than this are summed up in the row of the module that holds them; the model itself is 0.
        expand: show each of the identical repeated blocks, and every detail.
        ops: which hidden ops are rows of their own. ``compute`` also keeps those that carry a warning.
        aten: show the ATen operators that each op became.
    """

    depth: int | None = None
    expand: bool = False
    ops: Literal["all", "compute", "none"] = "all"
    aten: bool = False
