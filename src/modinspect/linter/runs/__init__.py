"""The runs of a live model that the rules ask for: other modes, batch sizes, dtypes and devices."""

from __future__ import annotations

from modinspect.linter.runs.live_runs import LiveRuns

__all__ = ["LiveRuns"]
