"""Runs with parameters that have shapes but no memory."""

from modinspect.trace.weightless.build import Aliases, NeedsValues, within, without_memory
from modinspect.trace.weightless.tensor import WeightlessMode
from modinspect.trace.weightless.weightless_recorder import WeightlessRecorder

__all__ = ["Aliases", "NeedsValues", "WeightlessMode", "WeightlessRecorder", "within", "without_memory"]
