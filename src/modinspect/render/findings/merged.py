"""What the formats of ``lint`` share: where a file is in the repository, and findings that several models have."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from modinspect.findings import Finding, Severity
from modinspect.render.text import amount
from modinspect.report import Source


@dataclass(frozen=True, slots=True)
class FindingsView:
    """What a format may need besides the findings.

    Args:
        root: the directory of the repository, which services name files from; ``""`` for the working directory.
        fail_on: the lowest severity that counts as a failure.
        listed: the lowest severity that people see; the others are counted. Formats for programs have all.
    """

    root: str = ""
    fail_on: Severity = "warning"
    listed: Severity = "info"

    def file(self, source: Source) -> str:
        """The file of a place, from the repository's directory where it is in there; with slashes."""
        try:
            name = os.path.relpath(source.file, self.root or os.curdir)
        except (OSError, ValueError):  # another drive; a name that no file can have
            return source.file.replace("\\", "/")
        return (source.file if name.startswith("..") else name).replace("\\", "/")


def modules_of(finding: Finding) -> str:
    """``module blocks.0 and 2 more modules``; empty for the model itself."""
    more = f" and {amount(finding.modules - 1, 'more module')}" if finding.modules > 1 else ""
    return f"module {finding.module}{more}" if finding.module else ""


@dataclass(frozen=True, slots=True)
class Merged:
    """A finding, and the targets that have it."""

    finding: Finding
    targets: tuple[str, ...]


def merged(findings: Iterable[Finding]) -> tuple[Merged, ...]:
    """The findings, each once however many models have it."""
    alike: dict[object, list[Finding]] = {}
    for finding in findings:
        place = finding.source or (finding.target, finding.module)
        alike.setdefault((finding.rule, finding.severity, place, finding.message, finding.suppressed), []).append(finding)
    return tuple(Merged(same[0], tuple(dict.fromkeys(finding.target for finding in same))) for same in alike.values())
