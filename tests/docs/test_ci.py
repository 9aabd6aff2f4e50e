"""pre-commit and the GitHub action, run on a small project in a repository of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]

MODELS = """\
import torch
import torch.nn.functional as F
from torch import nn


class Loose(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 5)

    def forward(self, x):
        return F.linear(self.fc(x), torch.ones(3, 5))
"""
PYPROJECT = """\
[tool.modinspect]
select = ["MI103"]

[[tool.modinspect.models]]
target = "models:Loose"
input = "1,10"
"""
SHOWN = "return F.linear(self.fc(x), torch.ones(3, 5))"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which modinspect is on the path, and git and pre-commit keep to themselves."""
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))},
        **dict.fromkeys(names, "test@example.org"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A repository with a model that has a loose weight."""
    return repository(tmp_path / "project", {"models.py": MODELS, "pyproject.toml": PYPROJECT}, environment)


def repository(directory: Path, files: dict[str, str], environment: dict[str, str]) -> Path:
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], cwd=directory, env=environment, check=True)
    return directory


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_the_hook_finds_what_is_wrong(tmp_path: Path, project: Path, environment: dict[str, str]) -> None:
    manifest = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    hooks = repository(tmp_path / "hooks", {".pre-commit-hooks.yaml": manifest}, environment)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), "modinspect", "--all-files"]
    ran = run(command, project, environment)
    assert ran.returncode == 1, ran.stderr
    assert re.search(r"^modinspect lint\.+Failed$", ran.stdout, re.MULTILINE)
    assert "error[MI103] unregistered-weight" in ran.stdout
    assert SHOWN in ran.stdout


def test_the_documented_hook_runs_lint(project: Path, environment: dict[str, str]) -> None:
    page = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(# \.pre-commit-config\.yaml\n(?:.*\n)*?)```", page)
    (project / ".pre-commit-config.yaml").write_text(block, encoding="utf-8")
    (project / "pyproject.toml").write_text("", encoding="utf-8")  # without a model it answers at once
    subprocess.run(["git", "add", "-A"], cwd=project, env=environment, check=True)
    ran = run([sys.executable, "-m", "pre_commit", "run", "--all-files"], project, environment)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "error: there is no model to lint" in ran.stdout


def lint_step() -> dict[str, Any]:
    """The step of the action that lints."""
    steps: list[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    return next(step for step in steps if step["name"] == "modinspect lint")


def run_step(project: Path, environment: dict[str, str], **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs the step as a runner does: its script in bash, the inputs as variables."""
    step = lint_step()
    given = {name: inputs.get(name.lower(), "") for name in step["env"]}
    script = project / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    return run(command, project, {**environment, **given})


def test_the_action_annotates_lines(project: Path, environment: dict[str, str]) -> None:
    ran = run_step(project, environment)
    assert ran.returncode == 1, ran.stderr
    assert re.match(r"::error file=models\.py,line=12,title=MI103 unregistered-weight::the weight of F\.linear", ran.stdout)


def test_the_action_takes_targets_arguments_and_a_file_for_sarif(project: Path, environment: dict[str, str]) -> None:
    hostile = "--ignore=$(touch injected);`touch injected`"
    ran = run_step(project, environment, targets="models:Loose\n", args=f"--fail-on=error\n{hostile}\n", sarif="a b.sarif")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there is no rule '$(touch injected);`touch injected`'" in ran.stderr
    assert not (project / "injected").exists()
    ran = run_step(project, environment, targets="models:Loose", args="--fail-on=error\n--input=1,10", sarif="a b.sarif")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert '"ruleId": "MI103"' in (project / "a b.sarif").read_text(encoding="utf-8")


def test_no_input_of_the_action_stands_in_a_script() -> None:
    """Text that GitHub puts into a script would be run."""
    steps = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    assert [step["name"] for step in steps if "${{" in step["run"]] == []
    assert {value for step in steps for value in step["env"].values()} <= {
        "${{ github.action_path }}", "${{ inputs.targets }}", "${{ inputs.args }}", "${{ inputs.sarif }}",
    }  # fmt: skip
