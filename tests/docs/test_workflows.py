"""The workflows of GitHub Actions, the issue templates and the pre-commit configuration, read as data."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modinspect import __version__

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PINNED = re.compile(r"@(v\d+|release/v\d+)$")


def load(path: Path) -> dict[Any, Any]:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict), path
    return loaded


def jobs(workflow: str) -> dict[str, Any]:
    found: dict[str, Any] = load(ROOT / ".github" / "workflows" / workflow)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in load(path)["jobs"].values():
        yield from job.get("steps", ())


def test_the_workflows_are_found() -> None:
    assert [path.name for path in WORKFLOWS] == ["check.yml", "release.yml"]


def test_ci_runs_the_words_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    run = [step["run"].split()[1] for step in steps(WORKFLOWS[0]) if "run" in step]
    assert run == ["check", "compat"]
    assert set(run) <= targets


def test_ci_covers_the_supported_pythons() -> None:
    check = jobs("check.yml")
    assert check["check"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    compat = check["compat"]["steps"][1]["with"]["python-version"].split()
    nox_pythons = re.findall(r'\("(3\.\d+)", "[\d.]+"\)', (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert sorted(nox_pythons) == ["3.10", "3.13"]
    assert set(nox_pythons) <= set(compat)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_the_repository(path: Path) -> None:
    assert load(path)["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in load(path)["jobs"].items() if "permissions" in job}
    assert more == ({"publish": {"id-token": "write"}} if path.name == "release.yml" else {})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_major_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [action for action in used if not PINNED.search(action)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_expression_is_put_into_a_script(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


def test_a_release_is_published_after_check_and_build_and_without_a_token() -> None:
    publish = jobs("release.yml")["publish"]
    assert publish["needs"] == ["check", "build"]
    assert publish["environment"] == "pypi"
    action = publish["steps"][-1]
    assert action == {"uses": "pypa/gh-action-pypi-publish@release/v1"}
    assert jobs("release.yml")["check"] == {"uses": "./.github/workflows/check.yml"}


@pytest.mark.process
@pytest.mark.parametrize(("tag", "code"), [(f"v{__version__}", 0), (f"v{__version__}.1", 1), ("vanilla", 1)])
def test_a_release_stops_if_its_tag_is_not_the_version(tag: str, code: int) -> None:
    step = next(step for step in jobs("release.yml")["build"]["steps"] if step.get("name") == "The tag is the version")
    ran = subprocess.run(["bash", "-c", step["run"]], cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": tag}, check=False)
    assert ran.returncode == code


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_templates_have_what_github_requires(path: Path) -> None:
    template = load(path)
    if path.name == "config.yml":
        return
    assert {"name", "description", "body"} <= template.keys()
    ids = [field["id"] for field in template["body"]]
    assert len(ids) == len(set(ids))
    assert all(field["attributes"]["label"] for field in template["body"])


def test_pre_commit_runs_the_tools_of_make_check() -> None:
    (repo,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"]: hook for hook in repo["hooks"]}
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks.values()]
    assert [entry.split(" --")[0] for entry in entries] == ["ruff format", "ruff check", "mypy"]
    recipe = MAKEFILE.partition("\ncheck:")[2].partition("\n\n")[0]
    for entry in entries:
        assert f"$(BIN)/{entry.split(' --')[0]}" in recipe

    (sources,) = re.findall(r"^SOURCES := (.*)$", MAKEFILE, re.MULTILINE)
    files = re.compile(hooks["ruff-check"]["files"])
    assert [source for source in sources.split() if not files.search(source if "." in source else f"{source}/a.py")] == []
