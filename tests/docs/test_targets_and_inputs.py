"""Each command of docs/targets-and-inputs.md runs, on models that are as the page says."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from modinspect.cli.app import run
from tests.target.target_helpers import NET

PAGE = (Path(__file__).parents[2] / "docs" / "targets-and-inputs.md").read_text(encoding="utf-8")
COMMANDS = [match[1] for match in re.finditer(r"^    modinspect (show [^T\n].*)$", PAGE, re.MULTILINE)]

FLEXIBLE = """
import torch
from torch import nn

class Net(nn.Module):
    example_input_array = torch.zeros(1, 4)

    def __init__(self, *sizes, **settings):
        super().__init__()
        self.given = sizes, settings
        self.fc = nn.Linear(4, 2)

    def forward(self, *inputs, **named):
        return self.fc(torch.zeros(1, 4))

Detector = Net
registry = {"vit_b": Net}

def make(batch=1):
    return Net()

def inputs(batch=1):
    return (torch.zeros(batch, 4),), {"temperature": 0.5}
"""

GPT = """
class GPTConfig:
    def __init__(self, n_layer: int = 12):
        self.n_layer = n_layer

class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.wte = nn.Embedding(8, 4)
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(config.n_layer))

    def forward(self, idx):
        x = self.wte(idx)
        for block in self.blocks:
            x = block(x)
        return x
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("net.py", "model.py", "build.py", "pkg/mod.py", "pkg/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(FLEXIBLE + (GPT if name == "model.py" else ""))
    (tmp_path / "example.py").write_text("from net import inputs as make\n")


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = shlex.split(command)
    library = arguments[1].partition(".")[0]
    if library in ("torchvision", "transformers") and find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    assert run([*arguments, "--depth", "0"]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert arguments[1] in shown
    assert "output" in shown  # it ran: a table without a run has no outputs


def test_the_shown_error_is_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text(NET)
    block = PAGE.partition("    $ modinspect show net.py:Net\n")[2].partition("\n\n")[0]
    assert run(["show", "net.py:Net"]) == 2
    assert capsys.readouterr().err.splitlines() == [line.removeprefix("    ") for line in block.splitlines()]
