"""The rules' documentation, for the terminal and for files."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.constrain import Constrain
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from modinspect.findings import RuleInfo

_WIDEST = 100


def rule_markdown(rule: RuleInfo) -> str:
    """A rule's page as a document of its own."""
    title, _, body = rule.page.partition("\n")
    return f"# {rule.id} {rule.name}\n\n{title.strip()}\n\nSeverity: {rule.severity}\n\n{body.strip()}\n"


def rule_page(rule: RuleInfo) -> RenderableType:
    """A rule's page for a terminal, in the terminal's own colours, and no wider than can be read."""
    return Constrain(Markdown(rule_markdown(rule), code_theme="ansi_light", hyperlinks=False), _WIDEST)


def rule_list(rules: Sequence[RuleInfo]) -> RenderableType:
    """All rules, a row for each."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("finds", overflow="fold")
    for rule in rules:
        table.add_row(rule.id, rule.name, rule.severity, Text(rule.summary.replace("`", "")))
    return table


def rule_index(rules: Sequence[RuleInfo]) -> str:
    """All rules as a table in Markdown, with links to their pages beside it."""
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
