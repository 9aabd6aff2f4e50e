"""Models that behave badly: no traceback, a message that says what was wrong, exit code 2, or 0 where it ran all the same."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.modules import module as nn_module

from tests.cli.cli_helpers import Modinspect
from tests.linter.lint_processes import is_running

FILE = str(Path(__file__).parent / "unruly.py")

RUNS = [
    "RaisesInRepr", "RaisesInExtraRepr", "ExtraReprIsNoText", "RepeatsItselfInRepr", "RaisesInGetattr",
    "RepeatsItselfInGetattr", "RaisesInProperties", "StartsThreads", "ChangesSettings", "Forks",
    "RemovesHooks", "DeletesModules", "KeepsTheInspector", "ExitsInRepr", "HidesItsModules", "SavesItself",
    "RunsAsynchronously",
]  # fmt: skip

FAILS = {
    "RaisesInInit": "ValueError: init says no (at ",
    "RaisesInForward": "ValueError: forward says no",
    "RaisesWhatCannotBePrinted": "Mute",
    "RaisesNoException": "OwnKind: not caught by except Exception",
    "RaisesWhatEndsInItsText": "Ends: (its message can't be shown: str() raised SystemExit)",
    "RaisesMuteInInit": "raised Mute: (its message can't be shown: str() raised ValueError) (at ",
    "IsItsOwnCause": "raised ValueError: round and round (at ",
    "RaisesInTrain": "model.train(False) raised ValueError: train says no (at ",
    "RaisesInProperty": "the model's code raised ValueError: forward is no method (at ",
    "HasNoHash": "HasNoHash can't be hashed, so torch can't list its parameters",
    "CallsNoInit": "CallsNoInit is not a working nn.Module: it lacks the attribute 'training'",
    "HoldsNoModule": "HoldsNoModule is not a working nn.Module: 'odd' in its _modules is of type int",
    "HasANumberForAName": "the name 5 in its _modules is not a string",
    "IsItsOwnChild": "model.train(False) raised RecursionError: maximum recursion depth exceeded",
    "Exits": "SystemExit: 0",
    "ExitsInInit": "called sys.exit(0) (at ",
    "Recurses": "RecursionError: maximum recursion depth exceeded",
    "RecursesInInit": "RecursionError: maximum recursion depth exceeded",
    "Allocates": "MemoryError",
    "InspectsInside": "modinspect.inspect() was called inside a forward that is being inspected",
}


@pytest.fixture
def state() -> Callable[[], Any]:
    """The settings that these models change."""

    def read() -> Any:
        hooks = [
            dict(value) for name, value in vars(nn_module).items() if name.startswith("_global_") and isinstance(value, dict)
        ]
        return (
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.is_grad_enabled(),
            hooks,
            sys.getrecursionlimit(),
            str(torch._C._dispatch_tls_local_exclude_set()),
        )

    return read


@pytest.mark.process
@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("name", RUNS)
def test_what_runs_all_the_same_is_shown(modinspect: Modinspect, state: Callable[[], Any], name: str, device: str) -> None:
    before = state()
    ran = modinspect("show", f"{FILE}:{name}", "--input", "1,10", "--format", "json", "--device", device)
    assert (ran.code, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert report["error"] is None
    assert report["totals"]["params"] == 55
    assert "torch.nn.functional.linear" in [op["name"] for op in report["ops"]]
    assert state() == before


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILS)
def test_what_fails_says_why(modinspect: Modinspect, state: Callable[[], Any], name: str) -> None:
    before = state()
    arguments = ("show", f"{FILE}:{name}", "--input", "1,10")
    ran = modinspect(*arguments, "--format", "json")
    assert ran.code == 2
    if ran.out:  # forward raised: what ran before it is the result
        error = json.loads(ran.out)["error"]
        assert FAILS[name] in f"{error['type']}: {error['message']}"
    else:
        assert FAILS[name] in ran.err
    read = modinspect(*arguments)
    assert read.code == 2
    assert "Traceback" not in read.out + ran.err + read.err
    assert "modinspect itself failed" not in ran.err + read.err
    assert state() == before


# --- what needs a process of its own


def start(name: str, where: Path, *more: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "modinspect", "show", f"{FILE}:{name}", "--input", "1,10", "--format", "json", *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=where, stdout=pipe, stderr=pipe, text=True, **options)


@pytest.mark.process
def test_one_that_ends_the_process_is_told(tmp_path: Path) -> None:
    process = start("EndsTheProcess", tmp_path)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert "the model's code ended the process with os._exit(0) (at " in err
    assert "unruly.py:" in err


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is no process of its own without --timeout")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Aborts", "killed by SIGABRT, and was at unruly.py:"),
        ("KillsItself", "killed by SIGKILL\nhint: The system may have run out of memory."),
        ("TerminatesItself", "killed by SIGTERM\n"),
    ],
)
def test_one_whose_process_crashes_is_told(name: str, says: str) -> None:
    process = start(name, Path(FILE).parent)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert f"error: the process that ran the model was {says}" in err


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is no process of its own without --timeout")
def test_nothing_goes_on_when_the_command_is_killed(tmp_path: Path) -> None:
    process = start("WaitsForever", tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "child").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=20)  # what would go on holds its ends of the pipes
    assert not is_running(int((tmp_path / "child").read_text()))


@pytest.mark.process
@pytest.mark.parametrize("name", ["Prints", "ForksAndGoesOn", "LeavesAThread"])
def test_stdout_is_one_report(tmp_path: Path, name: str) -> None:
    process = start(name, tmp_path)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["totals"]["params"] == 55


@pytest.mark.process
def test_one_that_takes_more_memory_than_there_is_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(
        "import torch\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return torch.ones(2**40).sum() + x\n"
    )
    command = [sys.executable, "-m", "modinspect", "show", "large.py:Net", "--input", "1,10", "--device", "cpu"]
    limit = 64 * 2**30
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert ran.returncode == 2
    assert "can't allocate memory" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.process
def test_what_loops_is_ended_with_what_it_started_and_says_where_it_was(tmp_path: Path) -> None:
    seconds = "25"  # most of them for importing torch on a busy machine
    begun = time.monotonic()
    running = {name: start(name, tmp_path, "--timeout", seconds) for name in ("Loops", "LoopsInC")}
    for process in running.values():
        out, err = process.communicate()
        assert (process.returncode, out) == (2, "")
        message, hint = err.splitlines()
        assert message.startswith("error: it took longer than 25 s, and was at ")
        assert message.endswith(" in forward")
        assert hint.startswith("hint: --timeout")
    assert time.monotonic() - begun < 60
    assert not is_running(int((tmp_path / "child").read_text()))


@pytest.mark.process
@pytest.mark.parametrize(("name", "code"), [("Model", 0), ("RaisesInForward", 2), ("EndsTheProcess", 2)])
def test_with_a_limit_the_exit_code_is_the_same(tmp_path: Path, name: str, code: int) -> None:
    process = start(name, tmp_path, "--timeout", "300")
    out, err = process.communicate()
    assert process.returncode == code
    assert ("params" in out) == (name != "EndsTheProcess")
    assert ("os._exit(0)" in err) == (name == "EndsTheProcess")
