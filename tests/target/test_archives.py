"""Targets that are files with a model in them: torch.export, TorchScript, and pickles, which are refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from modinspect import inspect_target
from modinspect.errors import TargetError
from modinspect.target import load, parse_target
from tests.target.target_helpers import error


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x).relu()


class Runs:
    """Makes a directory when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_exported_program_runs_on_its_example_inputs() -> None:
    torch.export.save(torch.export.export(Net().eval(), (torch.ones(3, 4),)), "net.pt2")
    report = inspect_target("net.pt2")
    assert report.error is None
    assert [(given.name, given.shape) for given in report.inputs] == [("x", (3, 4))]
    assert report.totals.params == 4 * 2 + 2
    assert report.totals.flops == 2 * 3 * 4 * 2
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_torchscript_archive_runs() -> None:
    torch.jit.script(Net().eval()).save("net.pt")
    report = inspect_target("./net.pt", ["1,4"])
    assert report.error is None
    assert report.model.class_name == "RecursiveScriptModule"
    assert report.totals.flops == 2 * 4 * 2


@pytest.mark.parametrize("name", ["whole.pt", "state.pth", "plain.pkl", "model.bin", "evil.pt2"])
def test_pickles_are_refused_and_not_loaded(name: str) -> None:
    whole: Any = Runs() if name != "state.pth" else Net().state_dict()
    if name == "plain.pkl":
        Path(name).write_bytes(pickle.dumps(whole))
    else:
        torch.save(whole, name)
    wrong = error(name)
    assert wrong.message == f"{name!r} contains no model code, only pickled data, and unpickling can run arbitrary code"
    assert "Name the class" in wrong.hint
    assert not Path("ran").exists()


def test_a_file_that_is_not_there_is_said_and_a_dotted_name_stays_one() -> None:
    assert error("nothing.pt2").message == "there is no file 'nothing.pt2'"
    assert error("some/nothing.pt").message == "there is no file 'some/nothing.pt'"
    assert parse_target("torch.nn.Linear").kind == "dotted"
    assert "no module 'nothing_like_this'" in error("nothing_like_this.pt").message


def test_a_broken_archive_is_an_error() -> None:
    torch.export.save(torch.export.export(Net().eval(), (torch.ones(3, 4),)), "net.pt2")
    whole = Path("net.pt2").read_bytes()
    Path("net.pt2").write_bytes(whole.replace(b"schema_version", b"schemo_version"))
    with pytest.raises(TargetError, match=r"loading 'net\.pt2' raised"):
        load("net.pt2")
