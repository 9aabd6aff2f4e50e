"""The errors that modinspect raises on purpose.

    ModinspectError
    ├── TargetError     the target could not be found, imported or built
    ├── InputError      an input could not be understood, read or made
    ├── RunError        the forward could not be run at all (a nested inspection, not enough memory, a time-out)
    ├── ReportError     a saved report is not one, or is of another schema
    ├── ConfigError     the configuration is wrong
    └── OutputError     the result could not be written

Each says in ``message`` what was asked and what was found, and in ``hint`` what would work. The command
line prints both and exits with 2; nothing else catches them. A ``forward`` that raises is no error of
modinspect: it is an answer, and stands in the report.
"""

from __future__ import annotations


class ModinspectError(Exception):
    """Base of all errors that modinspect raises on purpose.

    Args:
        message: what was asked and what was found.
        hint: what to do about it; empty where there is nothing to say.
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
    """An input could not be understood, read or made."""


class RunError(ModinspectError):
    """The forward could not be run at all."""


class ReportError(ModinspectError):
    """A saved report is not one, or is of another schema."""


class ConfigError(ModinspectError):
    """The configuration is wrong."""


class OutputError(ModinspectError):
    """The result could not be written."""
