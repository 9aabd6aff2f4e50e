"""What ``make mutation`` reports of the changes that mutmut made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mutation.survivors import change, changes_a_message, described, unnoticed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DIFF = """\
# modinspect.inputs.bind.x_check__mutmut_3: survived
--- src/modinspect/inputs/bind.py
+++ src/modinspect/inputs/bind.py
@@ -1,4 +1,4 @@
 def check(count):
-    if count > 1:
+    if count >= 1:
         return None
"""


def test_only_changes_that_no_test_noticed_are_listed() -> None:
    rows = ("a.x_f__mutmut_1: survived", "a.x_f__mutmut_2: killed", "a.x_g__mutmut_1: no tests", "a.x_h__mutmut_1: timeout")
    results = "".join(f"    {row}\n" for row in rows)
    assert unnoticed(results) == ["a.x_f__mutmut_1", "a.x_g__mutmut_1"]


def test_a_change_is_listed_as_its_lines_before_and_after() -> None:
    before, after = change(DIFF)
    assert (before, after) == ("if count > 1:", "if count >= 1:")
    assert described("modinspect.inputs.bind.x_check__mutmut_3", before, after) == "check: `if count > 1:` → `if count >= 1:`"
    assert described("modinspect.report.schema.xǁReportǁto_dict__mutmut_12", "a", "b") == "Report.to_dict: `a` → `b`"


@pytest.mark.parametrize(
    ("after", "is_message"),
    [
        ('raise Error("XXno such fileXX", 1)', True),
        ('raise Error("no such file", 2)', False),
        ("raise Error(None, 1)", False),
        ('raise Error("no such file", 1)', False),
    ],
)
def test_a_changed_message_needs_no_test(after: str, is_message: bool) -> None:
    assert changes_a_message('raise Error("no such file", 1)', after) is is_message


def test_mutmut_changes_files_that_exist_and_runs_tests_that_exist() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    for pattern in (*settings["only_mutate"], *settings["pytest_add_cli_args_test_selection"]):
        assert list(ROOT.glob(pattern)), pattern
