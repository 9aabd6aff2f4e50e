"""Asks a model what one of its methods gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modinspect.report import Output

Ask = Callable[[str, Mapping[str, Any]], "tuple[Output, ...] | None"]
"""Calls a method of the model, or of a module in it (``vlm.get_image_features``), with these arguments, and says what it gave:

its ``pooler_output`` where it has one. ``None`` where it raised."""
