"""What ``modinspect memory`` reports, as plain data."""

from __future__ import annotations

from modinspect.memory.result import KINDS, Kept, Kind, MemoryBytes, MemoryReport, Moment, Peak, Phase
from modinspect.memory.size import parse_size

__all__ = ["KINDS", "Kept", "Kind", "MemoryBytes", "MemoryReport", "Moment", "Peak", "Phase", "parse_size"]
