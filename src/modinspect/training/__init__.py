"""Runs inference and two training steps without memory, and works out what a GPU's allocator would count."""

from __future__ import annotations

from modinspect.training.estimate import OPTIMIZERS, Training
from modinspect.training.measure import measure_target

__all__ = ["OPTIMIZERS", "Training", "measure_target"]
