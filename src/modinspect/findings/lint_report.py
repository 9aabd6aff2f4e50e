"""What linting came to, as plain data: findings, rules that could not be decided, models that could not be checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, to_builtins

from modinspect.findings.finding import SEVERITIES, Finding, Severity, Skipped
from modinspect.printing import printed

SCHEMA_VERSION = 1


class RuleInfo(Struct, frozen=True):
    """A rule as the formats tell of it; ``page`` is its documentation in Markdown, ``summary`` the first line of it."""

    id: str
    name: str
    severity: Severity
    summary: str
    page: str


class Failure(Struct, frozen=True):
    """A model that could not be checked: it could not be built or run, it crashed, or it took too long.

    ``detail`` is a traceback, or the end of what its process printed.
    """

    target: str
    message: str
    hint: str = ""
    detail: str = ""


class LintReport(Struct, frozen=True):
    """All of it.

    ``targets`` are all models in the order in which they were named, ``rules`` those that any was asked about, ``decided`` the
    ids of those that could be decided on each model that was checked.
    """

    targets: tuple[str, ...]
    rules: tuple[RuleInfo, ...]
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    failures: tuple[Failure, ...] = ()
    decided: Mapping[str, frozenset[str]] = {}

    @property
    def open(self) -> tuple[Finding, ...]:
        """The findings that nothing suppresses."""
        return tuple(finding for finding in self.findings if not finding.suppressed)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The open findings that are as bad as ``severity``, or worse."""
        worst = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return tuple(finding for finding in self.open if finding.severity in worst)

    def counts(self) -> dict[Severity, int]:
        """How many findings are open, from the worst severity to the mildest."""
        counted = Counter(finding.severity for finding in self.open)
        return {severity: counted[severity] for severity in SEVERITIES}

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "schema_version": SCHEMA_VERSION,
            "targets": list(self.targets),
            "findings": [finding.to_dict() for finding in self.findings],
            "skipped": [skipped.to_dict() for skipped in self.skipped],
            "failures": [to_builtins(failure) for failure in self.failures],
        }

    def __str__(self) -> str:
        return printed(self)
