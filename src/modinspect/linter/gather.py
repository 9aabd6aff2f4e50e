"""Puts together what the rules say of all models: suppression, unused comments, severities, fingerprints, the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from modinspect.findings import Failure, Finding, Identity, LintReport, Severity, accept, fingerprinted
from modinspect.linter.catalog import CATALOG, rule_infos
from modinspect.linter.check import Checked
from modinspect.linter.suppress import suppress, unused


def gather(
    outcomes: Sequence[Checked | Failure],
    *,
    severity: Mapping[str, Severity] | None = None,
    baseline: frozenset[Identity] = frozenset(),
) -> LintReport:
    """One report of all models.

    Args:
        outcomes: what came of each model, in the order in which they are reported.
        severity: what findings of a rule (by its id) count as, where that is not what the rule says.
        baseline: findings that are known and accepted.
    """
    checked = [outcome for outcome in outcomes if isinstance(outcome, Checked)]
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, Failure))
    found = [finding for model in checked for finding in model.findings]
    if not failures:  # a model that could not be checked may be the one that a comment is for
        found += unused(checked, found)
    targets = tuple(outcome.target for outcome in outcomes)
    findings = suppress(_sorted(_graded(found, severity or {}), targets))
    asked = {*(rule for model in checked for rule in model.decided), *(s.rule for model in checked for s in model.skipped)}
    return LintReport(
        targets=targets,
        rules=rule_infos(rule for rule in CATALOG if rule.id in asked),
        findings=accept(fingerprinted(findings), baseline),
        skipped=tuple(skipped for model in checked for skipped in model.skipped),
        failures=failures,
        decided={model.target: model.decided for model in checked},
    )


def _graded(findings: Iterable[Finding], severity: Mapping[str, Severity]) -> list[Finding]:
    return [replace(finding, severity=severity.get(finding.rule, finding.severity)) for finding in findings]


def _sorted(findings: Iterable[Finding], targets: Sequence[str]) -> list[Finding]:
    """By model, then by file and line; those without a place last."""

    def place(finding: Finding) -> tuple[int, bool, str, int]:
        source = finding.source
        where = ("", 0) if source is None else (source.file, source.line)
        return targets.index(finding.target), source is None, *where

    return sorted(findings, key=place)
