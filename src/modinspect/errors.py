"""The errors that modinspect raises on purpose.

    ModinspectError
    ├── TargetError     the target could not be found, imported or built
    ├── InputError      an input could not be parsed, read or created
    ├── RunError        the forward could not be run at all (a nested inspection, not enough memory, a time-out)
    ├── ReportError     a file isn't a saved report, or has another schema
    ├── ConfigError     the configuration is wrong
    └── OutputError     the result could not be written

``message`` says what was asked and what was found, ``hint`` what would work. The command
line prints both and exits with 2; nothing else catches them. A ``forward`` that raises isn't an error of
modinspect: the report says so.
"""

from __future__ import annotations


class ModinspectError(Exception):
    """Base of all errors that modinspect raises on purpose.

    Args:
        message: what was asked and what was found.
        hint: what to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class TargetError(ModinspectError):
    """The target could not be found, imported or built."""


class InputError(ModinspectError):
    """An input could not be parsed, read or created."""


class RunError(ModinspectError):
    """The forward could not be run at all."""


class ReportError(ModinspectError):
    """A file isn't a saved report, or has another schema."""


class ConfigError(ModinspectError):
    """The configuration is wrong."""


class OutputError(ModinspectError):
    """The result could not be written."""
