"""Leaves the model and the process as they were."""

from modinspect.trace.restore.model_state import Preserved
from modinspect.trace.restore.process_state import preserved_process, save_process

__all__ = ["Preserved", "preserved_process", "save_process"]
