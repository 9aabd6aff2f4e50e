"""``docs/lint.md`` shows what is printed, and its examples are read by what they are for.

``python tests/docs/test_lint_page.py`` writes the output anew.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from modinspect.cli.app import COMMANDS
from modinspect.config import _Model, _Table, parse_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lint.md"
SHOWN = re.compile(r"^```console\n\$ (?P<command>modinspect .*)\n(?P<output>(?:.*\n)*?)```$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"^```{language}\n((?:.*\n)*?)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def printed(command: str) -> str:
    """What the command prints in a checkout."""
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=ROOT,
        env={**environment, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    ).stdout


@pytest.mark.process
def test_the_shown_output_is_what_is_printed() -> None:
    (shown,) = SHOWN.finditer(PAGE.read_text(encoding="utf-8"))
    assert shown["output"] == printed(shown["command"]), "write it anew with: python tests/docs/test_lint_page.py"


def test_the_configuration_is_read_and_holds_every_key() -> None:
    (block,) = blocks("toml")
    table = tomllib.loads(block)["tool"]["modinspect"]
    config = parse_config(table)
    assert [model.target for model in config.models] == ["pkg.mod:Net(width=64)", "pkg.text:Encoder"]
    assert keys(_Table) - set(table) == {"input-fn", "train", "grad", "arg"}  # in a comment; of no use to lint; for a model
    assert {key for model in table["models"] for key in model} <= keys(_Model)


def keys(table: type) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(table)}


@pytest.mark.parametrize("block", blocks("python"))
def test_python_is_python(block: str) -> None:
    ast.parse(block)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml_is_yaml(block: str) -> None:
    assert yaml.safe_load(block)


def test_the_workflow_gives_the_action_inputs_that_it_has() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = [step for block in blocks("yaml") for step in find(yaml.safe_load(block), "steps")]
    given = [set(step.get("with", {})) for step in steps if "actions/modinspect" in step.get("uses", "")]
    assert len(given) == 2
    assert all(names <= set(action["inputs"]) for names in given)


def find(data: object, key: str) -> list[dict[str, dict[str, str]]]:
    """The items of each list that stands under a key, however deep."""
    if not isinstance(data, dict):
        return []
    here = data.get(key)
    inside = [item for value in data.values() for item in find(value, key)]
    return [item for item in here if isinstance(item, dict)] if isinstance(here, list) else inside


@pytest.mark.process
def test_every_option_exists() -> None:
    helps = [
        subprocess.run([sys.executable, "-m", "modinspect", name, "--help"], capture_output=True, encoding="utf-8", check=True)
        for name in COMMANDS
    ]
    known = " ".join(ran.stdout for ran in helps)
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE.read_text(encoding="utf-8")):
        assert option in known or option == "--extra-index-url", option


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / link).exists(), link


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        SHOWN.sub(lambda shown: f"```console\n$ {shown['command']}\n{printed(shown['command'])}```", text), encoding="utf-8"
    )
