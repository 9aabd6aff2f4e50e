"""What does my PyTorch model really run? Registered modules and hidden functional operations, side by side.

    import modinspect
    report = modinspect.inspect(model, torch.randn(1, 10))
    print(report)

Nothing here imports torch before it is needed: ``modinspect --help`` starts without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from modinspect._version import __version__

if TYPE_CHECKING:
    from modinspect.api import inspect, inspect_target
    from modinspect.comparison import diff
    from modinspect.linter import lint
    from modinspect.report import Report

__all__ = ["Report", "__version__", "diff", "inspect", "inspect_target", "lint"]

_HOMES = {
    "inspect": "modinspect.api",
    "inspect_target": "modinspect.api",
    "diff": "modinspect.comparison",
    "lint": "modinspect.linter",
    "Report": "modinspect.report",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
