"""Whether training fits a limit, and what would make it fit."""

from __future__ import annotations

from collections.abc import Callable

_LARGEST = 1 << 30
"""No batch is larger: the peak does not depend on it."""


def largest_batch(peak_at: Callable[[int], int], limit: int, batch: int, peak: int) -> int:
    """The largest batch whose training peak is within ``limit``; 0 if not even one sample fits.

    The peak grows about linearly with the batch, so the line between a batch that fits and one that doesn't gives the next try.
    The result is measured itself, and so is the next larger batch.

    Args:
        peak_at: the training peak for a batch size, in bytes.
        limit: bytes.
        batch: a batch size that was measured already.
        peak: its training peak.
    """
    known = {batch: peak}

    def fits(size: int) -> bool:
        if size not in known:
            known[size] = peak_at(size)
        return known[size] <= limit

    inside, outside = (batch, None) if fits(batch) else (0, batch)
    while outside is None:
        doubled = inside * 2
        inside, outside = (doubled, None) if fits(doubled) else (inside, doubled)
        if doubled > _LARGEST:
            return inside
    halve = False
    while outside - inside > 1:
        size = (inside + outside) // 2 if halve else _crossing(known, limit, inside, outside)
        before = outside - inside
        inside, outside = (size, outside) if fits(size) else (inside, size)
        halve = outside - inside > before // 2  # a line through two points of a step function may creep
    return inside


def _crossing(known: dict[int, int], limit: int, inside: int, outside: int) -> int:
    """Where the line between a batch that fits and one that doesn't meets the limit."""
    low, high = known.get(inside, 0), known[outside]
    share = (limit - low) / (high - low) if high > low else 0.5
    return min(max(inside + int(share * (outside - inside)), inside + 1), outside - 1)


def blocks_to_checkpoint(by_module: dict[str, int]) -> str | None:
    """A glob for the repeated blocks (``h.*``) that keep the most activations; ``None`` where nothing repeats."""
    groups: dict[str, int] = {}
    counts: dict[str, int] = {}
    for path, kept in by_module.items():
        above, _, name = path.rpartition(".")
        if name.isdigit() and not _inside_another(above):
            groups[above] = groups.get(above, 0) + kept
            counts[above] = counts.get(above, 0) + 1
    repeated = [above for above in groups if counts[above] > 1]
    best = max(repeated, key=lambda above: groups[above], default=None)
    return None if best is None else f"{best}.*" if best else "*"


def _inside_another(path: str) -> bool:
    """Whether a path has a number in it, as what is inside a repeated block has."""
    return any(part.isdigit() for part in path.split("."))
