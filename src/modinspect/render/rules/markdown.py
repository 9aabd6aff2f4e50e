"""Rules in Markdown: the pages under ``docs/rules``."""

from __future__ import annotations

from collections.abc import Sequence

from modinspect.findings import RuleInfo


def render(rules: RuleInfo | Sequence[RuleInfo], _options: None = None) -> str:
    """One rule's page, or the list of several."""
    return rule_markdown(rules) if isinstance(rules, RuleInfo) else rule_index(rules)


def rule_markdown(rule: RuleInfo) -> str:
    """A rule's page as a document of its own."""
    title, _, body = rule.page.partition("\n")
    return f"# {rule.id} {rule.name}\n\n{title.strip()}\n\nSeverity: {rule.severity}\n\n{body.strip()}\n"


def rule_index(rules: Sequence[RuleInfo]) -> str:
    """All rules as a table in Markdown, with links to their pages."""
    rows = [f"| [{rule.id}]({rule.id}.md) | {rule.name} | {rule.severity} | {rule.summary} |" for rule in rules]
    head = [
        "# The rules of `modinspect lint`",
        "",
        "These pages are made from the docstrings of the rules by `python docs/make_rules.py`;",
        "`modinspect explain MI103` shows one in the terminal.",
        "",
        "| id | name | severity | finds |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *rows]) + "\n"
