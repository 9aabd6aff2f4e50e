"""The pages in ``docs/rules`` are those that the rules' docstrings make."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_are_up_to_date() -> None:
    pages = runpy.run_path(str(DOCS / "make_rules.py"))["pages"]()
    written = {file.name: file.read_text(encoding="utf-8") for file in (DOCS / "rules").glob("*.md")}
    assert written == pages, "make them again: python docs/make_rules.py"
