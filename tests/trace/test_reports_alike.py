"""Reports are data: the same from run to run and from process to process, and the same after a round trip through JSON."""

from __future__ import annotations

import copy
import hashlib
import json
import linecache
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import modinspect
from modinspect.errors import ReportError
from modinspect.report import Report
from modinspect.trace import survey, trace
from tests.trace.small_models import ZOO


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_a_report_is_the_same_after_a_round_trip_through_json(name: str) -> None:
    report = trace(*ZOO[name]())
    assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_two_inspections_of_one_model_say_the_same(name: str) -> None:
    model, args = ZOO[name]()
    assert trace(model, args) == trace(model, args)


def test_a_failed_run_and_the_registered_half_make_the_round_trip_too() -> None:
    failed = modinspect.inspect(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 2)), torch.ones(1, 2))
    assert failed.error is not None
    for report in (failed, survey(nn.LazyLinear(3))):
        assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x).relu()


def test_a_report_tells_of_the_model_as_it_was_however_late_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Small()
    at_once = modinspect.inspect(model, torch.ones(1, 3)).to_dict()
    read_later = modinspect.inspect(model, torch.ones(1, 3))
    model.fc.weight.requires_grad_(False)
    model.fc.out_features = 99
    model.eval().half()
    model.fc, model.more = nn.Linear(3, 7), nn.ReLU()
    monkeypatch.chdir(tmp_path)  # files are told relative to where the forward ran
    assert read_later.to_dict() == at_once


def test_a_report_that_nobody_has_read_keeps_nothing_of_the_model() -> None:
    model = Small()
    seen = [weakref.ref(item) for item in (model, model.fc, model.fc.weight)]
    report = modinspect.inspect(model, torch.ones(1, 3))
    del model
    assert [reference() for reference in seen] == [None, None, None]
    assert report.totals.params == 8


def test_a_report_that_nobody_has_read_can_be_copied_and_pickled() -> None:
    model, args = Small(), torch.ones(1, 3)
    expected = modinspect.inspect(model, args).to_dict()
    for copied in (copy.copy, copy.deepcopy, lambda report: pickle.loads(pickle.dumps(report))):
        assert copied(modinspect.inspect(model, args)).to_dict() == expected


def test_a_report_may_be_read_by_several_threads_at_once() -> None:
    model, args = Small(), torch.ones(1, 3)
    expected = modinspect.inspect(model, args).ops
    report = modinspect.inspect(model, args)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: report.ops, range(8))) == [expected] * 8


def test_a_report_has_no_fields_but_its_own() -> None:
    report = modinspect.inspect(Small(), torch.ones(1, 3))
    for _ in range(2):  # before anything of it is made, and after
        with pytest.raises(AttributeError, match="'Report' object has no attribute 'parametres'"):
            getattr(report, "parametres")  # noqa: B009


STEPS: tuple[Callable[[nn.Module, Tensor, Tensor], Tensor], ...] = (
    lambda model, last, other: last + other,
    lambda model, last, other: model.fc(last),
    lambda model, last, other: last @ other.T @ torch.rand(last.shape[0], 3),
    lambda model, last, other: last.T.contiguous().T,
    lambda model, last, other: last.clone().mul_(model.scale),
    lambda model, last, other: torch.where(last > float("inf"), last, other),
    lambda model, last, other: last[:, None, ::2].expand(-1, 3, -1)[..., 0],
)


class Program(nn.Module):
    """Does what a list of numbers says: each is an op on the tensors that are there."""

    def __init__(self, steps: list[int]) -> None:
        super().__init__()
        self.steps = steps
        self.fc = nn.Linear(3, 3)
        self.scale = torch.ones(3)

    def forward(self, x: Tensor) -> Tensor:
        made = [x]
        for step in self.steps:
            made.append(STEPS[step % len(STEPS)](self, made[-1], made[step % len(made)]))
        return made[-1]


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.integers(0, 100), max_size=12))
def test_reports_of_any_program_make_the_round_trip_and_point_backwards(steps: list[int]) -> None:
    report = modinspect.inspect(Program(steps), torch.ones(2, 3))
    assert report.error is None
    assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report
    for op in report.ops:
        for operand in op.inputs:
            kind, _, rest = (operand.origin or "none:").partition(":")
            assert kind in ("input", "param", "op", "unregistered"), op
            if kind == "op":
                assert int(rest) < op.index
                assert (operand.shape, operand.dtype) in {(r.shape, r.dtype) for r in report.ops[int(rest)].outputs}


OTHER_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from test_reports_alike import digest
print(digest())
"""


def digest() -> str:
    torch.manual_seed(0)
    names = ["plain_decoder", "writes_in_place", "experts", "weights_of_nobody", "normed_weights"]
    text = json.dumps([trace(*ZOO[name]()).to_dict() for name in names])
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.process
def test_reports_do_not_depend_on_the_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == digest()


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_number_that_nobody_can_print_is_no_report(number: int) -> None:
    data = modinspect.inspect(nn.Linear(2, 3), torch.ones(1, 2)).to_dict()
    data["totals"]["params"] = number
    with pytest.raises(ReportError, match=r"at `\$\.totals\.params`"):
        Report.from_dict(data)


def test_a_report_read_later_shows_the_code_as_it_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the file has been edited meanwhile, and the working directory is another."""
    file = tmp_path / "later.py"
    file.write_text("from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n")
    scope: dict[str, type[nn.Module]] = {}
    monkeypatch.chdir(tmp_path)
    exec(compile(file.read_text(), "later.py", "exec"), {"__name__": "later"}, scope)
    report = modinspect.inspect(scope["Net"](), torch.ones(2))
    file.write_text("# edited\n" * 10)
    linecache.checkcache()
    monkeypatch.chdir("/")
    source = report.ops[0].source
    assert source is not None
    assert (source.file, source.line, source.code) == ("later.py", 4, "return x + 1")
