"""What linting found, as plain data: findings, skipped rules, failures, and the baseline of accepted findings."""

from __future__ import annotations

from modinspect.findings.baseline import Identity, accept, baseline_text, fingerprinted, read_baseline
from modinspect.findings.finding import SEVERITIES, Finding, Severity, Skipped
from modinspect.findings.lint_report import Failure, LintReport, RuleInfo

__all__ = [
    "SEVERITIES",
    "Failure",
    "Finding",
    "Identity",
    "LintReport",
    "RuleInfo",
    "Severity",
    "Skipped",
    "accept",
    "baseline_text",
    "fingerprinted",
    "read_baseline",
]
