"""Builds and runs models whose parameters have shapes but no memory."""

from modinspect.trace.weightless.build import within, without_memory
from modinspect.trace.weightless.mode import WeightlessMode
from modinspect.trace.weightless.needs_values import NeedsValues
from modinspect.trace.weightless.replaced_parameters import ReplacedParameters
from modinspect.trace.weightless.weightless_recorder import WeightlessRecorder

__all__ = ["NeedsValues", "ReplacedParameters", "WeightlessMode", "WeightlessRecorder", "within", "without_memory"]
