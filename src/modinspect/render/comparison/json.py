"""A difference as JSON."""

from __future__ import annotations

import json

from modinspect.comparison import Difference


def render(difference: Difference, _options: None = None) -> str:
    """The difference as an object."""
    return json.dumps(difference.to_dict(), indent=2) + "\n"
