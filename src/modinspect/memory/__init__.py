"""How much memory inference and training take, worked out without a GPU.

Nothing here imports torch before it is needed: renderers read the result only.
"""

from __future__ import annotations

from modinspect.memory.fit import parse_size
from modinspect.memory.result import KINDS, Kept, Kind, MemoryBytes, MemoryReport, Moment, Peak, Phase

__all__ = ["KINDS", "Kept", "Kind", "MemoryBytes", "MemoryReport", "Moment", "Peak", "Phase", "parse_size"]
