"""Asks the rules about one model. A rule that fails says so itself and hides nothing of the others."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from modinspect.findings import Finding, Skipped
from modinspect.linter.comments import comments_in
from modinspect.linter.rule import Rule, Runs, Undecided, Verdict, apply
from modinspect.report import Report, Source
from modinspect.usercode import describe, fault_of_the_model

_HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True, slots=True)
class Checked:
    """What the rules say of one model.

    ``decided`` are the ids of the rules that could be decided. ``lines`` are those that this model ran, or was built by, in the
    files that hold comments to suppress findings.
    """

    target: str
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    decided: frozenset[str]
    lines: dict[str, frozenset[int]] = field(default_factory=dict)


def check(
    runs: Runs,
    rules: Iterable[Rule],
    *,
    target: str,
    include_installed: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Checked:
    """Asks each rule about the model behind ``runs``; ``progress`` is told the id of the rule that is asked.

    Args:
        runs: of the model
        rules: to apply, in this order
        target: the model's name in the findings
        include_installed: keep findings in installed packages
        progress: called with the id of each rule before it is applied
    """
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    decided: set[str] = set()
    for rule in rules:
        if progress is not None:
            progress(rule.id)
        verdict = _verdict(rule, runs, target, include_installed=include_installed)
        if verdict.skipped is not None:
            skipped.append(verdict.skipped)
        else:
            decided.add(rule.id)
            findings += verdict.findings
    return Checked(target, tuple(findings), tuple(skipped), frozenset(decided), _lines(runs))


def _verdict(rule: Rule, runs: Runs, target: str, *, include_installed: bool) -> Verdict:
    try:
        return apply(rule, runs, target=target, include_installed=include_installed)
    except Exception as error:  # whatever it is: it is the rule's fault, or that of a run which only it asks for
        fault = fault_of_the_model(error) or f"the rule itself failed, which is a bug: {_describe_error(error)}"
        return Verdict(skipped=Skipped(rule.id, target, _one_line(fault)))


def _describe_error(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_HERE)]
    where = f" at {os.path.relpath(frames[-1].filename, _HERE)}:{frames[-1].lineno}" if frames else ""
    return f"{describe(error)}{where}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(runs: Runs) -> dict[str, frozenset[int]]:
    try:
        report = runs.report
    except Undecided:
        return {}
    ran = _by_file(_sources(report))
    commented = {file for file in ran if comments_in(file)}
    if not commented:
        return {}
    built = _by_file(_declarations(runs, report))
    return {file: frozenset(ran[file] | built.get(file, set())) for file in commented}


def _by_file(sources: Iterable[Source | None]) -> dict[str, set[int]]:
    lines: dict[str, set[int]] = {}
    for source in sources:
        if source is not None:
            lines.setdefault(source.file, set()).add(source.line)
    return lines


def _sources(report: Report) -> Iterator[Source | None]:
    yield from (op.source for op in report.ops)
    yield from (call.source for call in report.calls)
    yield from (thing.source for thing in report.unregistered)


def _declarations(runs: Runs, report: Report) -> Iterator[Source | None]:
    names = [thing.path for thing in report.modules if thing.registered and thing.path]
    for name in [*names, *(tensor.name for tensor in (*report.parameters, *report.buffers))]:
        yield runs.declared(name)
