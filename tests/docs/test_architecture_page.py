"""``docs/architecture.md``: its arrows are allowed imports, and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_architecture import ALLOWED, PACKAGE

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
GROUND = {"errors", "wording", "usercode", "signatures", "patching"}


def arrows() -> set[tuple[str, str]]:
    chart = PAGE.partition("flowchart TD\n")[2].partition("```")[0]
    lines = [re.sub(r"\[.*\]", "", line).split("-->") for line in chart.splitlines() if "-->" in line]
    return {(left.strip(), right.strip()) for left, rights in lines for right in rights.split("&")}


def test_each_arrow_is_an_allowed_import() -> None:
    found = arrows()
    assert len(found) > 20
    for left, right in found:
        assert ALLOWED[left] & (GROUND if right == "ground" else {right}), (left, right)


def test_the_packages_of_the_table_exist() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    packages = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {"report", "session", "trace", "linter", "render", "cli"} <= packages
    assert [name for name in packages if not ((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists())] == []


def test_the_files_that_it_names_exist() -> None:
    files = {name for name in re.findall(r"`([\w/]+\.py)`", PAGE) if "/" in name} - {"tests/test_architecture.py"}
    assert len(files) > 8
    assert [file for file in files if not any((home / file).exists() for home in (PACKAGE, PACKAGE / "trace"))] == []
