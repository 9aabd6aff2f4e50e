"""Findings for people: the message, the line of code with the place marked, and one line of counts at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rich.text import Text

from modinspect.findings import SEVERITIES, Finding, LintReport, Severity
from modinspect.render.findings.merged import FindingsView, Merged, merged, modules_of
from modinspect.render.text import amount, plain, some, width_of

_STYLES: Mapping[Severity, str] = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}
_NAME = re.compile(r"[A-Za-z_][\w.]*\w|[A-Za-z_]")
_ANYWHERE = frozenset({"forward", "eval", "train", "to", "state_dict"})
"""Names that a message has without being about a call of that name."""
_TRAILING_COMMENT = re.compile(r"\s+#[^'\"]*$")


def render(report: LintReport, view: FindingsView | None = None) -> str:
    """The findings without styles."""
    return findings_text(report, (view or FindingsView()).listed).plain


def findings_text(report: LintReport, listed: Severity = "info") -> Text:
    """The open findings, the rules that could not be decided, and the counts; styled where the console can.

    Args:
        report: the findings; the worst come first, those of one severity stay in the order that they have.
        listed: the lowest severity that is shown; the others are counted.
    """
    text = Text(no_wrap=True)
    for found in sorted(merged(report.at_least(listed)), key=lambda found: SEVERITIES.index(found.finding.severity)):
        _append_finding(text, found)
    undecided = list(_undecided(report))
    for line in undecided:
        text.append(line, "dim").append("\n")
    if undecided:
        text.append("\n")
    return text.append(_counts(report, listed)).append("\n")


def _append_finding(text: Text, found: Merged) -> None:
    finding = found.finding
    text.append(f"{finding.severity}[{finding.rule}]", _STYLES[finding.severity])
    text.append(f" {plain(finding.name)}: ", "bold").append(f"{plain(finding.message)}\n")
    line = "" if finding.source is None else str(finding.source.line)
    margin = " " * len(line)
    text.append(f"{margin}--> ", "blue").append(f"{_place(finding)}{_concerned(found)}\n")
    if finding.source is not None and finding.source.code:
        _append_code(text, line, finding.source.code, finding)
    text.append("\n")


def _append_code(text: Text, line: str, code: str, finding: Finding) -> None:
    start, stop = marked(code, finding.message)
    margin = " " * len(line)
    text.append(f"{margin} |\n{line} | ", "blue").append(f"{plain(code)}\n")
    before, there = width_of(plain(code[:start])), width_of(plain(code[start:stop]))
    text.append(f"{margin} | ", "blue").append(" " * before + "^" * max(there, 1) + "\n", _STYLES[finding.severity])


def _place(finding: Finding) -> str:
    if finding.source is None:
        return plain(finding.target)
    return f"{plain(finding.source.file)}:{finding.source.line}"


def _concerned(found: Merged) -> str:
    finding = found.finding
    targets = plain(some(found.targets, 3)) if finding.source is not None else ""
    told = ", ".join(part for part in (targets, plain(modules_of(finding))) if part)
    return f" ({told})" if told else ""


def marked(code: str, message: str) -> tuple[int, int]:
    """Where in a line of code the message is about: the first thing that it names, with its arguments; else the whole line."""
    names = _NAME.findall(message)
    dotted = [name for name in names if "." in name]
    for name in [*dotted, *(name.rpartition(".")[2] for name in dotted), *(name for name in names if "." not in name)]:
        found = re.search(rf"(?<![\w.]){re.escape(name)}\s*\(", code) or re.search(rf"(?<=\.){re.escape(name)}\s*\(", code)
        if found is not None and name not in _ANYWHERE:
            return found.start(), _closing(code, found.end() - 1)
    return _first_word(code, message) or (0, len(_TRAILING_COMMENT.sub("", code)))


def _first_word(code: str, message: str) -> tuple[int, int] | None:
    """The position in the code of the message's first word (``layers[0]``)."""
    words = message.split(maxsplit=1)
    found = re.search(rf"(?<!\w){re.escape(words[0])}(?!\w)", code) if words else None
    return None if found is None else found.span()


def _closing(code: str, opening: int) -> int:
    """The end of the parentheses that open there, or that of the line, where they are closed in a later one."""
    depth = 0
    for index in range(opening, len(code)):
        depth += (code[index] in "([{") - (code[index] in ")]}")
        if depth == 0:
            return index + 1
    return len(code)


def _undecided(report: LintReport) -> Iterator[str]:
    names = {rule.id: rule.name for rule in report.rules}
    targets: dict[tuple[str, str], list[str]] = {}
    for skipped in report.skipped:
        targets.setdefault((skipped.rule, skipped.reason), []).append(skipped.target)
    for (rule, reason), models in targets.items():
        where = f" ({plain(some(models, 2))})" if len(report.targets) > 1 else ""
        yield f"not decided: {rule} {names.get(rule, '')}: {plain(reason)}{where}"


def _counts(report: LintReport, listed: Severity) -> str:
    counts = report.counts()
    lower = SEVERITIES[SEVERITIES.index(listed) + 1 :]
    found = [amount(counts["error"], "error"), amount(counts["warning"], "warning"), amount(counts["info"], "info")]
    hidden = [severity for severity in lower if counts[severity]]
    if hidden:
        found[SEVERITIES.index(hidden[-1])] += f" (--severity {hidden[-1]} shows them)"
    told = [part for part, count in zip(found, counts.values(), strict=True) if count]
    suppressed = len(report.findings) - len(report.open)
    checked = len(report.targets) - len(report.failures)
    parts = [
        ", ".join(told) or "no findings",
        f"{suppressed} suppressed" if suppressed else "",
        f"{amount(len(report.skipped), 'rule')} not decided" if report.skipped else "",
        f"{amount(checked, 'model')} checked",
        f"{len(report.failures)} could not be" if report.failures else "",
    ]
    return " · ".join(part for part in parts if part)
