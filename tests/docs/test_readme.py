"""What the README shows is what happens: outputs, options, links and code.

``python tests/docs/test_readme.py`` writes the outputs anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from modinspect.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SHOWN = re.compile(r"^```console\n\$ (?P<command>modinspect .*)\n(?P<output>(?:.*\n)*?)```$", re.MULTILINE)


def read() -> str:
    return README.read_text(encoding="utf-8")


def printed(command: str) -> str:
    """What a newcomer sees who types the command in a checkout, in a window of 100 columns."""
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    ran = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=ROOT,
        env={**environment, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    # a terminal shows the result itself; a pipe gets one more line about a failure
    assert ran.stderr == "" or (ran.returncode == 2 and ran.stderr.count("\n") == 1)
    return ran.stdout


@pytest.mark.process
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 does not tell the class of a function that runs")
@pytest.mark.parametrize("shown", list(SHOWN.finditer(read())), ids=lambda shown: shown["command"])
def test_the_shown_output_is_what_is_printed(shown: re.Match[str]) -> None:
    output = printed(shown["command"])
    # since torch 2.15, in a column of the same width
    output = re.sub(r"addmm: (mat1 and mat2 shapes .*\))", r"\1       ", output)
    assert shown["output"] == output, "write it anew with: python tests/docs/test_readme.py"


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


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", read()):
        assert (ROOT / link).exists(), link


def test_the_python_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", read(), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert len(names["hidden"]) == 2  # type: ignore[arg-type]
    assert "F.linear" in capsys.readouterr().out


if __name__ == "__main__":
    README.write_text(
        SHOWN.sub(lambda shown: f"```console\n$ {shown['command']}\n{printed(shown['command'])}```", read()), encoding="utf-8"
    )
