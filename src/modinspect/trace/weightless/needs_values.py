"""The exception that ends a run without memory where a tensor's values decide what comes next."""

from __future__ import annotations

from modinspect.report import Source


class NeedsValues(BaseException):
    """A run without memory needs values that don't exist; ``str()`` names the call and the line.

    Not an ``Exception``: a model that catches those would otherwise take another branch than it does with memory.
    """

    located = False

    def locate(self, where: str) -> None:
        """Appends the line of the call (`` at model.py:12 (if x.sum() > 0:)``), the first time only."""
        if not self.located:
            self.args = (f"{self}{where}",)
            self.located = True


def at_line(source: Source | None) -> str:
    """`` at model.py:12 (if x.sum() > 0:)``; empty without a source."""
    if source is None:
        return ""
    return f" at {source.file}:{source.line}" + (f" ({source.code})" if source.code else "")
