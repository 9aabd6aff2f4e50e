"""Rules for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from modinspect.findings import RuleInfo
from modinspect.render.rules.markdown import rule_markdown

_WIDEST = 100

_THEME = Theme({"markdown.code": "bold cyan"})
"""rich's own style puts code on black, on a light terminal too."""


def render(rules: RuleInfo | Sequence[RuleInfo], _options: None = None) -> str:
    """As :func:`draw`, without styles."""
    return draw(rules, None, colours=False)


def draw(rules: RuleInfo | Sequence[RuleInfo], stdout: TextIO | None, *, colours: bool) -> str:
    """One rule's page, or the list of several, as wide as the terminal ``stdout``.

    Args:
        rules: one or several
        stdout: the terminal whose width counts; ``sys.stdout`` if ``None``
        colours: whether to use any
    """
    console = Console(file=stdout, theme=_THEME, highlight=False, color_system="auto" if colours else None)
    with console.capture() as captured:
        console.print(rule_page(rules) if isinstance(rules, RuleInfo) else rule_list(rules))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


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
