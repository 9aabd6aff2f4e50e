"""What came of one model, and how that is kept in a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One model. ``reason`` is empty where it ran; ``given`` are the inputs, ``how`` says where they came from.

    ``published_...`` is what torchvision says of the weights of its own models.
    """

    family: str
    type: str
    class_name: str
    target: str
    built: bool = False
    ran: bool = False
    how: str = ""
    given: str = ""
    execution: str = ""
    ops: int = 0
    hidden_ops: int = 0
    params: int = 0
    flops: int = 0
    estimated_flops: int | None = None
    uncounted_ops: int = 0
    seconds: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()
    published_params: int | None = None
    published_gmacs: float | None = None


def read(path: Path) -> Iterator[Row]:
    """The rows of a file that :func:`write` added to; of several on one model the last."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    last = {(data["family"], data["type"]): data for data in map(json.loads, lines)}
    for data in last.values():
        yield Row(**{**data, "notes": tuple(data["notes"])})


def write(row: Row, path: Path) -> None:
    """Adds one row."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(row)) + "\n")
