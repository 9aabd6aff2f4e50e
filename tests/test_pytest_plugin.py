"""The plugin in a real run of pytest, found by its entry point.

torch is imported here, as the runs forget again what they import, and it can't be imported twice.
"""

from __future__ import annotations

import pytest
import torch  # noqa: F401

import modinspect.linter.runs.live_runs  # noqa: F401

pytest_plugins = ["pytester"]

MODELS = """
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Clean(nn.Linear):
        def __init__(self):
            super().__init__(10, 5)

    class Loose(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(10, 5)

        def forward(self, x):
            return F.linear(self.fc(x), torch.ones(3, 5))
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with two models, in which tests can be written and run."""
    pytester.makepyfile(models=MODELS)
    pytester.syspathinsert()
    return pytester


def test_the_fixture_is_listed(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("--fixtures", "-q").stdout.fnmatch_lines(["modinspect *session scope* -- *pytest_plugin.py*"])


def test_a_clean_model_passes_and_another_fails_with_its_line(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from models import Clean, Loose
        from modinspect.testing import assert_clean

        def test_clean(modinspect):
            modinspect.assert_clean(Clean(), "1,10")

        def test_loose(modinspect):
            modinspect.assert_clean(Loose(), "1,10", select=["MI103"])

        def test_without_the_fixture():
            assert_clean(Loose(), "1,10", ignore=["MI1", "MI5"])

        def test_more(modinspect):
            assert modinspect.lint(Clean(), "1,10").findings == ()
            assert modinspect.inspect(Clean(), __import__("torch").rand(1, 10)).totals.params == 55
        """
    )
    result = project.runpytest_inprocess("-q")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: Loose is not clean",
            "E*error[[]MI103[]] unregistered-weight: *",
            "E*return F.linear(self.fc(x), torch.ones(3, 5))",
        ]
    )
    result.stdout.no_fnmatch_line("*raise AssertionError*")  # the plugin's own frames are hidden


def test_the_fixture_does_what_the_projects_configuration_says(project: pytest.Pytester) -> None:
    project.makepyprojecttoml(
        """
        [tool.pytest.ini_options]
        [tool.modinspect]
        ignore = ["MI5"]
        fail-on = "error"
        [tool.modinspect.severity]
        MI103 = "warning"
        """
    )
    project.makepyfile(
        """
        from models import Loose

        def test_loose(modinspect):
            report = modinspect.assert_clean(Loose(), "1,10", ignore=["MI101"])
            assert [(found.rule, found.severity) for found in report.findings] == [("MI103", "warning")]
        """
    )
    project.runpytest_inprocess("-q").assert_outcomes(passed=1)


def test_a_wrong_configuration_is_said_by_the_test_that_uses_it(project: pytest.Pytester) -> None:
    project.makepyprojecttoml("[tool.pytest.ini_options]\n[tool.modinspect]\ninptu = []\n")
    project.makepyfile("def test_other(): pass\ndef test_uses_it(modinspect): pass\n")
    result = project.runpytest_inprocess("-q")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*tool.modinspect in pyproject.toml has no key 'inptu'*"])
