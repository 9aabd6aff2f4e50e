"""modinspect as it is started from a shell: what only a process of its own can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

MODINSPECT = [sys.executable, "-m", "modinspect"]


def environment(**more: str) -> dict[str, str]:
    unwanted = ("FORCE_COLOR", "NO_COLOR", "COLUMNS")
    return {**{name: value for name, value in os.environ.items() if name not in unwanted}, **more}


COMPLETE = {"_MODINSPECT_COMPLETE": "complete_bash", "COMP_WORDS": "modinspect show x --fo", "COMP_CWORD": "3"}


@pytest.mark.parametrize(
    ("args", "variables", "says"),
    [
        (["--help"], {}, "Usage: modinspect"),
        (["show", "--help"], {}, "Usage: modinspect show"),
        (["--version"], {}, "modinspect 0.1.0"),
        ([], COMPLETE, "--format"),
    ],
    ids=["help", "help of show", "version", "completion"],
)
def test_what_needs_no_model_loads_no_torch(args: list[str], variables: dict[str, str], says: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "modinspect", *args],
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert says in ran.stdout
    assert "modinspect.cli.app" in imported
    assert not imported & {"torch", "torchinfo", "numpy", "transformers"}


LOUD = """
import atexit, ctypes, os, subprocess, sys, threading, time
from torch import nn

print("import")
ctypes.CDLL(None).printf(b"C library\\n")
atexit.register(print, "exit handler")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 5)
        print("init")

    def forward(self, x):
        os.write(1, b"descriptor\\n")
        subprocess.run(["echo", "child"])
        threading.Thread(target=lambda: (time.sleep(0.5), print("thread"))).start()
        print("unfinished", end="")
        return self.fc(x)
"""


def test_whatever_the_model_prints_stdout_is_the_result_alone(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    ran = subprocess.run(
        [*MODINSPECT, "show", "loud.py:Net", "--input", "1,10", "--format", "json"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["totals"]["params"] == 55
    for said in ("import", "C library", "exit handler", "init", "descriptor", "child", "thread", "unfinished"):
        assert said in ran.stderr


ENDLESS = """
import pathlib, time
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        pathlib.Path("running").touch()
        time.sleep(600)
"""


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_it_cleanly(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    process = subprocess.Popen(
        [*MODINSPECT, "show", "endless.py:Net", "--input", "1,10"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "running").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
