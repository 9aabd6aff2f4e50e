"""The type of a function that runs a method of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modinspect.report import Output

Ask = Callable[[str, Mapping[str, Any]], "tuple[Output, ...] | None"]
"""Calls a method of the model or of a submodule (``vlm.get_image_features``) and returns its outputs.

Returns the ``pooler_output`` if there is one, and ``None`` if the method raised."""
