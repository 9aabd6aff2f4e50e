"""What holds for the whole suite."""

from __future__ import annotations

from hypothesis import settings

# No test here is a stopwatch: on a busy machine a property may take its time.
settings.register_profile("modinspect", deadline=None)
settings.load_profile("modinspect")
