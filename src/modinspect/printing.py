"""How a result prints itself.

Results are plain data and import no renderer. ``print(result)`` finds one at run time, by name: the only place where an import
points up.
"""

from __future__ import annotations

from importlib import import_module


def printed(result: object) -> str:
    """The text that the command line prints for a report, a lint report or a difference."""
    text: str = import_module("modinspect.render").text_of(result)
    return text
