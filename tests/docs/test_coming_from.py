"""``docs/coming-from.md``: the calls of other tools work, and the numbers are theirs and ours."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import modinspect

DOCS = Path(__file__).parents[2] / "docs"
PAGE = " ".join((DOCS / "coming-from.md").read_text(encoding="utf-8").split())
IMAGE, IDS = torch.zeros(1, 1, 32, 32), torch.zeros(1, 16, dtype=torch.int64)


def example(file: str, name: str) -> nn.Module:
    model: nn.Module = runpy.run_path(str(DOCS / "examples" / file))[name]()
    return model


@pytest.fixture
def lenet() -> nn.Module:
    return example("lenet.py", "LeNet")


@pytest.fixture
def tiny() -> nn.Module:
    return example("tiny.py", "Tiny")


def test_what_runs(lenet: nn.Module, tiny: nn.Module) -> None:
    # two convolutions and a linear layer, by hand
    macs = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 400 * 10
    report = modinspect.inspect(lenet, IMAGE)
    assert len(report.ops) == 8
    assert report.totals.flops // 2 == macs == 361_600
    # six blocks with two linear layers, and the head in the list
    macs = 6 * 16 * (32 * 96 + 32 * 32) + 16 * 32 * 100
    report = modinspect.inspect(tiny, ids=IDS)
    assert report.totals.params == 28_928
    assert [found.name for found in report.unregistered] == ["heads[0]"]
    assert macs == 444_416
    attention = 6 * 4 * 2 * 16 * 16 * 8  # six blocks, four heads, two products of matrices
    assert report.totals.estimated_flops == 2 * (macs + attention)
    assert "361,600 ran" in PAGE
    assert "444,416 ran, and about 98,000 more in attention" in PAGE
    assert round(attention, -3) == 98_000


def test_torchinfo(lenet: nn.Module, tiny: nn.Module) -> None:
    from torchinfo import summary

    result: Any = summary(lenet, input_size=(1, 1, 32, 32), verbose=0)
    assert [row.class_name for row in result.summary_list] == ["LeNet", "Conv2d", "Conv2d", "Linear"]
    assert f"It says {result.total_mult_adds:,} for `LeNet`" in PAGE
    result = summary(tiny, input_size=(1, 16), dtypes=[torch.int64], verbose=0)
    assert f"and {result.total_mult_adds:,} for `Tiny`" in PAGE


def test_fvcore(lenet: nn.Module, tiny: nn.Module) -> None:
    fvcore = pytest.importorskip("fvcore.nn")
    report = modinspect.inspect(lenet, IMAGE)
    analysis = fvcore.FlopCountAnalysis(lenet, IMAGE)
    assert analysis.total() == report.totals.flops // 2
    ours = {module.path: (module.flops or 0) // 2 for module in report.modules}
    assert dict(analysis.by_module()) == ours
    params = fvcore.parameter_count(lenet)
    assert {module.path: module.params for module in report.modules} == {path: params[path] for path in ours}
    with pytest.raises(RuntimeError, match="Cannot insert a Tensor that requires grad as a constant"):
        fvcore.FlopCountAnalysis(tiny, IDS).total()


TORCHLENS = """
import json, runpy, sys, torch, torchlens
log = torchlens.trace(runpy.run_path(sys.argv[1])["LeNet"](), torch.zeros(1, 1, 32, 32))
print(json.dumps([op.func_name for op in log.ops if op.func_name != "none"]))
"""
"""Runs in a process of its own: torchlens replaces torch's functions when it is imported, for good."""


@pytest.mark.process
@pytest.mark.skipif(find_spec("torchlens") is None, reason="torchlens is not installed")
def test_torchlens(lenet: nn.Module) -> None:
    command = [sys.executable, "-W", "ignore", "-c", TORCHLENS, str(DOCS / "examples" / "lenet.py")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    names = json.loads(ran.stdout.splitlines()[-1])
    report = modinspect.inspect(lenet, IMAGE)
    assert [op.name.rpartition(".")[2] for op in report.ops] == names
