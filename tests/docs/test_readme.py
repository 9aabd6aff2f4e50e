"""What the README shows is what happens: outputs, options, links and code.

``python tests/docs/test_readme.py`` writes the outputs anew.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modinspect.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SHOWN = re.compile(r"^```console\n\$ (?P<command>modinspect .*)\n(?P<output>(?:.*\n)*?)```$", re.MULTILINE)
LEFT_OUT = "..."
PICTURE = ROOT / "docs" / "make_picture.py"

pinned_torch = pytest.mark.skipif(
    not torch.__version__.startswith("2.13."), reason="the outputs are those of the torch and transformers in constraints.txt"
)


def read() -> str:
    return README.read_text(encoding="utf-8")


def printed(command: str) -> str:
    """What a terminal of 100 columns shows after the command is typed in a checkout."""
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    ran = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=ROOT,
        env={**environment, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.stderr == "" or (ran.returncode in (1, 2) and ran.stderr.count("\n") == 1)
    # a terminal shows the result itself; a pipe gets one more line about a failure
    return ran.stdout or ran.stderr


def shortened(shown: str, output: str) -> str:
    """``output`` with as many lines left out as ``shown`` leaves out, at the line ``...``."""
    lines, kept = output.splitlines(keepends=True), shown.splitlines()
    if LEFT_OUT not in kept:
        return output
    before = kept.index(LEFT_OUT)
    after = len(kept) - before - 1
    return "".join([*lines[:before], f"{LEFT_OUT}\n", *lines[len(lines) - after :]])


@pytest.mark.process
@pytest.mark.slow
@pinned_torch
@pytest.mark.parametrize("shown", list(SHOWN.finditer(read())), ids=lambda shown: shown["command"])
def test_the_shown_output_is_what_is_printed(shown: re.Match[str]) -> None:
    output = printed(shown["command"])
    assert shown["output"] == shortened(shown["output"], output), "write it anew with: python tests/docs/test_readme.py"


@pinned_torch
@pytest.mark.slow
def test_the_picture_is_what_is_printed() -> None:
    names = runpy.run_path(str(PICTURE))
    assert names["PICTURE"].read_text(encoding="utf-8") == names["svg"](), "write it anew with: make docs"


def test_the_number_of_models_is_that_of_the_zoo() -> None:
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:transformers|timm|torchvision) [\d.]+ \| \d+ \| (\d+) \| (\d+) \|", page, re.MULTILINE)
    assert len(rows) == 3
    built, ran = (sum(int(row[column]) for row in rows) for column in (0, 1))
    assert f"{ran:,} of {built:,} models" in read().replace("\n", " ")


@pytest.mark.process
def test_every_option_in_it_exists() -> None:
    known = ""
    for command in COMMANDS:
        known += subprocess.run(
            [sys.executable, "-m", "modinspect", command, "--help"], capture_output=True, encoding="utf-8", check=True
        ).stdout
    known += " --install-completion "
    for line in read().splitlines():
        if "pip " in line or "uv " in line or "pipx " in line:  # these have options of their own
            continue
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line):
            assert f"{option} " in known, option


def test_the_python_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", read(), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert len(names["hidden"]) == 2  # type: ignore[arg-type]
    assert "F.linear" in capsys.readouterr().out


if __name__ == "__main__":
    README.write_text(
        SHOWN.sub(
            lambda shown: f"```console\n$ {shown['command']}\n{shortened(shown['output'], printed(shown['command']))}```",
            read(),
        ),
        encoding="utf-8",
    )
