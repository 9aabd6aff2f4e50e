"""``docs/versions.md`` names the pairs that ``make compat`` runs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_names_the_pairs_that_nox_runs() -> None:
    page = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
    pairs = re.findall(r'\("(3\.\d+)", "(\d+\.\d+\.\d+)"\)', (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert len(pairs) == 2
    assert re.findall(r"^\| (\S+) \| (\S+) \| `make compat` \|$", page, re.MULTILINE) == pairs
