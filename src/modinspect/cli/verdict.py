"""A line on standard error for exit codes 1 and 2 if the result isn't shown on a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TextIO

from modinspect.cli.messages import error, found
from modinspect.cli.streams import STDOUT

if TYPE_CHECKING:
    from modinspect.comparison import Difference
    from modinspect.findings import LintReport, Severity
    from modinspect.report import ForwardError, Report, Source


def is_seen(output_format: str, output: str, stdout: TextIO) -> bool:
    """Whether the result is shown as text on a terminal.

    Args:
        output_format: of the result
        output: a file, or ``-`` for ``stdout``
        stdout: where ``-`` writes to
    """
    return output_format == "text" and output in STDOUT and stdout.isatty()


def tell_failure(report: Report, output: str) -> None:
    """Says that ``forward`` raised: ``error: net.py:Net: forward raised RuntimeError at net.py:9: fc expects ...``."""
    assert report.error is not None
    error(f"{report.model.target}: forward raised {_raised(report.error)}{_written_to(output)}")


def tell_findings(report: LintReport, threshold: Severity, output: str) -> None:
    """Says how much was found, and where the first is: ``found: 1 error; the first is MI103 at net.py:9``.

    Args:
        report: what was found
        threshold: the lowest severity that counts as a failure
        output: the file that holds the result, or ``-``
    """
    from modinspect.render import amount

    counts = Counter(finding.severity for finding in report.at_least(threshold))
    words: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "info"}
    told = ", ".join(amount(counts[severity], word) for severity, word in words.items() if counts[severity])
    first = report.at_least(threshold)[0]
    found(f"{told}; the first is {first.rule} {first.name}{_at(first.source) or f' in {first.target}'}{_written_to(output)}")


def tell_difference(difference: Difference, before: str, after: str, output: str) -> None:
    """Says how much differs: ``found: a.json and b.json differ: 1 added, 2 changed``.

    Args:
        difference: of the two reports
        before: the name of the first report's file
        after: the name of the second's
        output: the file that holds the result, or ``-``
    """
    counts = Counter(change.kind for change in difference.changes)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("added", "removed", "changed") if counts[kind])
    found(f"{before} and {after} differ: {told}{_written_to(output)}")


def _raised(raised: ForwardError) -> str:
    message = raised.sentence or (raised.message.strip().splitlines() or [""])[0]
    return f"{raised.type}{_at(raised.source)}" + (f": {message}" if message else "")


def _at(source: Source | None) -> str:
    return f" at {source.file}:{source.line}" if source is not None else ""


def _written_to(output: str) -> str:
    return "" if output in STDOUT else f" (report in {output})"
