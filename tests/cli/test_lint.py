"""``modinspect lint``: what it prints, where, and its exit codes. The models are those of ``tests/linter/misbehaving.py``."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.cli_helpers import Modinspect
from tests.linter.lint_processes import is_running

pytestmark = pytest.mark.process

MODELS = Path(__file__).parents[1] / "linter" / "misbehaving.py"
ONLY = ("-i", "1,10", "--select", "MI001,MI103")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the models in it."""
    shutil.copy(MODELS, tmp_path / "models.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_clean_model_ends_with_0(modinspect: Modinspect) -> None:
    ran = modinspect("lint", "models:Clean", *ONLY)
    assert (ran.code, ran.out, ran.err) == (0, "no findings · 1 model checked\n", "")


def test_a_finding_ends_with_1_and_shows_its_line(modinspect: Modinspect) -> None:
    ran = modinspect("lint", "models.py:Loose", *ONLY)
    assert (ran.code, ran.err) == (1, "found: 1 error; the first is MI103 unregistered-weight at models.py:31\n")
    head, place, *code, _, counts = ran.out.splitlines()
    assert head.startswith("error[MI103] unregistered-weight: the weight of F.linear")
    assert place.strip().startswith("--> models.py:")
    assert code[1].endswith("| return F.linear(self.fc(x), torch.rand(3, 5))")
    assert code[2].endswith("|        " + "^" * len("F.linear(self.fc(x), torch.rand(3, 5))"))
    assert counts == "1 error · 1 model checked"


def test_what_counts_as_a_failure_can_be_said(modinspect: Modinspect, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.modinspect.severity]\nMI103 = 'info'\n")
    ran = modinspect("lint", "models:Loose", *ONLY)
    assert (ran.code, ran.out) == (0, "1 info (--severity info shows them) · 1 model checked\n")
    ran = modinspect("lint", "models:Loose", *ONLY, "--severity", "info")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 info · 1 model checked")
    assert ran.out.startswith("info[MI103] unregistered-weight: ")
    ran = modinspect("lint", "models:Loose", *ONLY, "--fail-on", "info")
    assert ran.code == 1
    assert ran.out.startswith("info[MI103] unregistered-weight: ")  # what fails is shown
    assert '"severity": "info"' in modinspect("lint", "models:Loose", *ONLY, "--format", "json").out


def test_a_model_that_can_not_be_checked_ends_with_2_and_the_others_are_reported(modinspect: Modinspect) -> None:
    ran = modinspect("lint", "models:Ends", "models:Loose", *ONLY)
    assert ran.code == 2
    assert "error[MI103]" in ran.out
    assert ran.out.endswith("1 error · 1 model checked · 1 could not be\n")
    message, hint = ran.err.splitlines()
    assert message == "error: models:Ends: the process that ran the model ended with exit code 7 before it was done"
    assert hint == "hint: Does its code call os._exit()?"


def test_the_listed_models_are_checked_with_their_inputs(modinspect: Modinspect, project: Path) -> None:
    (project / "pyproject.toml").write_text(
        """
        [tool.modinspect]
        input = ["1,10"]
        select = ["MI103"]

        [[tool.modinspect.models]]
        target = "models:Clean"

        [[tool.modinspect.models]]
        target = "models:Loose"
        ignore = ["MI103"]
        """
    )
    ran = modinspect("lint")
    assert (ran.code, ran.out) == (0, "no findings · 2 models checked\n")


def test_a_comment_suppresses_and_one_that_does_nothing_is_a_warning(modinspect: Modinspect) -> None:
    ran = modinspect("lint", "models:Accepted", *ONLY)
    assert (ran.code, ran.out) == (0, "no findings · 1 suppressed · 1 model checked\n")
    ran = modinspect("lint", "models:Cured", *ONLY)
    assert ran.code == 1
    assert "warning[MI001] unused-suppression: the comment suppresses nothing: MI103 finds nothing here" in ran.out


def test_a_baseline_accepts_what_is_there_even_when_lines_move(modinspect: Modinspect, project: Path) -> None:
    ran = modinspect("lint", "models:Loose", *ONLY, "--write-baseline", "known.json")
    assert (ran.code, ran.out) == (0, "")
    assert "1 finding accepted in known.json" in ran.err
    models = project / "models.py"
    models.write_text("# a new line\n\n" + models.read_text())
    ran = modinspect("lint", "models:Loose", *ONLY, "--baseline", "known.json")
    assert (ran.code, ran.out) == (0, "no findings · 1 suppressed · 1 model checked\n")
    models.write_text(models.read_text().replace("torch.rand(3, 5))", "torch.rand(4, 5))"))
    assert modinspect("lint", "models:Loose", *ONLY, "--baseline", "known.json").code == 1


def test_no_baseline_is_written_while_a_model_can_not_be_checked(modinspect: Modinspect, project: Path) -> None:
    ran = modinspect("lint", "models:Loose", "models:Raises", *ONLY, "--write-baseline", "known.json")
    assert ran.code == 2
    assert not (project / "known.json").exists()
    assert "models:Raises: forward raised ValueError: no" in ran.err


def test_formats_go_where_they_are_asked_to(modinspect: Modinspect, project: Path) -> None:
    ran = modinspect("lint", "models:Loose", *ONLY, "--format", "sarif", "--output", "out.sarif")
    found = "found: 1 error; the first is MI103 unregistered-weight at models.py:31 (report in out.sarif)\n"
    assert (ran.code, ran.out, ran.err) == (1, "", found)
    (result,) = json.loads((project / "out.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models.py"
    assert modinspect("lint", "models:Loose", *ONLY, "--format", "json").out.startswith("{")


def test_files_are_named_from_the_repository(modinspect: Modinspect, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".git").mkdir()
    (project / "sub").mkdir()
    shutil.move(project / "models.py", project / "sub" / "models.py")
    monkeypatch.chdir(project / "sub")
    ran = modinspect("lint", "models:Loose", *ONLY, "--format", "github")
    assert ran.out.startswith("::error file=sub/models.py,line=")


WRONG = {
    "lint": ("there is no model to lint", "[[tool.modinspect.models]]"),
    "lint models:Clean --select MI9": ("there is no rule 'MI9'", "explain"),
    "lint models:Clean --ignore ,": ("there is no rule ''", "explain"),
    "lint models:Clean --baseline none.json": ("can't read the baseline 'none.json'", "--write-baseline"),
    "lint models:Clean --write-baseline no/dir/x.json": ("no directory", "Create it first"),
    "lint models:Clean --jobs 0": ("--jobs", "--help"),
    "lint models:Clean --timeout -1": ("--timeout", "--help"),
    "lint models:Clean --fail-on never": ("'never' is not one of", "--help"),
    "lint models:Clean --format xml": ("'xml' is not one of", "--help"),
    "lint models:Clean --init width": ("--init 'width' has no '='", "--init KEY=VALUE"),
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_one_message(modinspect: Modinspect, line: str) -> None:
    message, hint = WRONG[line]
    ran = modinspect(*line.split())
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert hint in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("table", ["inptu = []", "[[tool.modinspect.models]]\ntargte = 'x'", "jobs = 'x'"])
def test_a_wrong_configuration_is_one_message(modinspect: Modinspect, project: Path, table: str) -> None:
    (project / "pyproject.toml").write_text(f"[tool.modinspect]\n{table}\n")
    ran = modinspect("lint", "models:Clean")
    assert (ran.code, ran.out) == (2, "")
    assert "pyproject.toml" in ran.err


def test_without_an_input_it_says_how_to_give_one(modinspect: Modinspect) -> None:
    ran = modinspect("lint", "models:Clean", "--select", "MI103")
    assert ran.code == 2
    assert "there is no input for models:Clean" in ran.err
    assert "--input" in ran.err


def test_the_traceback_is_shown_where_it_is_asked_for(modinspect: Modinspect) -> None:
    ran = modinspect("lint", "models:Quits", *ONLY, "--traceback")
    assert ran.code == 2
    assert "sys.exit(4)" in ran.err
    assert "Traceback (most recent call last)" in ran.err


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_it_with_130(project: Path) -> None:
    command = [sys.executable, "-m", "modinspect", "lint", "models:Hangs", "-i", "1,10", "--init", "pids=pids"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (project / "pids").exists() or not (project / "pids").read_text().endswith("\n"):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert [is_running(int(pid)) for pid in (project / "pids").read_text().split()] == [False, False]
