"""The formats of each result: what ``--format`` offers, its help and the lists in the docs are made from these tuples.

A format is one module with a function ``render(result, options) -> str``, and one line here. Modules are imported when their
format is asked for, so that ``--help`` does not wait for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a result.

    Args:
        name: what ``--format`` calls it.
        help: what it is for, in a few words.
        module: the module that writes it.
    """

    name: str
    help: str
    module: str

    def render(self, result: Any, options: Any = None) -> str:
        """The result as text that ends in a line break.

        Args:
            result: a report, lint report, difference or rules, as the tuple says that the format is in.
            options: a ``View`` for reports, a ``FindingsView`` for lint reports; the others have none.
        """
        text: str = import_module(self.module).render(result, options)
        return text


REPORT_FORMATS = (
    Format("text", "a table", "modinspect.render.report.text"),
    Format("json", "the whole report as data", "modinspect.render.report.json"),
    Format("html", "a page for a browser", "modinspect.render.report.html"),
    Format("markdown", "for GitHub", "modinspect.render.report.markdown"),
    Format("csv", "a row per module and op", "modinspect.render.report.csv"),
)
"""Formats of ``show``."""

LINT_FORMATS = (
    Format("text", "for people", "modinspect.render.findings.text"),
    Format("json", "data", "modinspect.render.findings.json"),
    Format("github", "annotations of GitHub Actions", "modinspect.render.findings.github"),
    Format("sarif", "for code scanning", "modinspect.render.findings.sarif"),
    Format("junit", "for other CI services", "modinspect.render.findings.junit"),
)
"""Formats of ``lint``."""

DIFFERENCE_FORMATS = (
    Format("text", "for people", "modinspect.render.comparison.text"),
    Format("json", "data", "modinspect.render.comparison.json"),
)
"""Formats of ``diff``."""

MEMORY_FORMATS = (
    Format("text", "for people", "modinspect.render.memory.text"),
    Format("json", "data", "modinspect.render.memory.json"),
)
"""Formats of ``memory``."""

RULE_FORMATS = (
    Format("text", "for the terminal", "modinspect.render.rules.text"),
    Format("markdown", "for a file", "modinspect.render.rules.markdown"),
    Format("json", "data", "modinspect.render.rules.json"),
)
"""Formats of ``explain``."""


def find_format(formats: Sequence[Format], name: str) -> Format:
    """The format of that name; the command line has checked that there is one."""
    return next(found for found in formats if found.name == name)


def formats_help(formats: Sequence[Format]) -> str:
    """``text (a table), json (the whole report as data)``, for ``--help`` and the docs."""
    return ", ".join(f"{found.name} ({found.help})" for found in formats)
