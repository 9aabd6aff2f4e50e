"""The page that explains the table shows what is printed."""

from __future__ import annotations

from pathlib import Path

from modinspect.render.table import View, table_text
from modinspect.render.table.marks import MARKS
from tests.render.render_reports import blocks, example, failing

PAGE = (Path(__file__).parents[3] / "docs" / "reading-the-table.md").read_text(encoding="utf-8")


def test_its_examples_are_what_is_printed() -> None:
    for text in (table_text(example(), 80, encoding="utf-8"), table_text(failing(), 80, encoding="utf-8")):
        assert f"```text\n{text}```" in PAGE
    for report, view in ((blocks(), View()), (example(), View(aten=True))):
        table = table_text(report, 80, view, "utf-8").split("\n\n")[1]
        assert f"```text\n{table}\n```" in PAGE


def test_it_explains_every_mark() -> None:
    for mark in MARKS:
        assert f"| `{mark.symbol}` | `{mark.plain}` | {mark.title} | {mark.meaning} |" in PAGE
