"""Marks the findings that a comment on their line suppresses, and finds the comments that suppress nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from modinspect.findings import Finding
from modinspect.linter.catalog import CATALOG, UNUSED, find_rule, is_known, matches, unknown_rule
from modinspect.linter.check import Checked
from modinspect.linter.comments import Comment, comments_in
from modinspect.report import Source


def suppress(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, those that a comment on their line names marked as suppressed."""
    files = dict.fromkeys(finding.source.file for finding in findings if finding.source is not None)
    comments = {file: comments_in(file) for file in files}
    return tuple(_suppressed(finding, comments) for finding in findings)


def _suppressed(finding: Finding, comments: Mapping[str, Sequence[Comment]]) -> Finding:
    if finding.source is None:
        return finding
    if any(_speaks_of(comment, finding) for comment in comments[finding.source.file]):
        return replace(finding, suppressed=True, suppressed_by="comment")
    return finding


def _speaks_of(comment: Comment, finding: Finding) -> bool:
    rule = find_rule(finding.rule)
    return comment.covers(finding.source) and any(matches(selector, rule) for selector in comment.selectors)


def unused(checked: Sequence[Checked], findings: Sequence[Finding]) -> Iterator[Finding]:
    """A finding for each comment that suppresses nothing, as far as that can be told from these models."""
    judging = [model for model in checked if UNUSED.id in model.decided]
    for file in dict.fromkeys(file for model in judging for file in model.lines):
        for comment in comments_in(file):
            models = [model for model in judging if _concerns(comment, model)]
            if models:
                here = [finding for finding in findings if comment.covers(finding.source)]
                for message in _objections(comment, models, here):
                    source = Source(comment.file, comment.line, "", comment.code)
                    yield Finding(UNUSED.id, UNUSED.name, UNUSED.severity, message, models[0].target, "", source)


def _concerns(comment: Comment, model: Checked) -> bool:
    """Whether a model's code ran a line that the comment speaks for, or the one after a comment that stands alone."""
    lines = model.lines.get(comment.file, frozenset())
    return any(comment.first <= line <= comment.last + comment.on_own_line for line in lines)


def _objections(comment: Comment, models: Sequence[Checked], here: Sequence[Finding]) -> Iterator[str]:
    if not comment.selectors:
        yield "the comment names no rule, so it suppresses nothing: write ignore[MI103], with the ids of the rules"
    for selector in comment.selectors:
        meant = {rule.id for rule in CATALOG if matches(selector, rule)}
        if not is_known(selector):
            error = unknown_rule(selector)
            yield f"the comment suppresses nothing: {error.message}. {error.hint}"
        elif comment.on_own_line:
            yield f"the comment is on its own line: move ignore[{selector}] to the end of the line that it is for"
        elif not any(finding.rule in meant for finding in here) and all(meant <= model.decided for model in models):
            yield f"the comment suppresses nothing: {selector} finds nothing here. Remove it"
