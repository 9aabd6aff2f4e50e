"""Several models in processes of their own. The processes are forked from one that imports torch once for all tests here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modinspect.findings import Failure
from modinspect.linter.check import Checked
from modinspect.linter.jobs import run_jobs
from modinspect.linter.lint_target import Job
from modinspect.session import Request
from tests.linter.lint_processes import is_running

pytestmark = pytest.mark.process

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    """Where the model that hangs writes the numbers of its processes."""
    return tmp_path / "pids"


def job(name: str, **init: str) -> Job:
    target = f"misbehaving:{name}"
    return Job(target, Request(target, ("1,10",), init=init), ("MI001", "MI103"))


def failure(outcome: Checked | Failure) -> Failure:
    assert isinstance(outcome, Failure)
    return outcome


def test_what_misbehaves_fails_alone_and_says_how(capfd: pytest.CaptureFixture[str]) -> None:
    names = ["Clean", "Ends", "Loose", "Crashes", "Raises", "Quits", "Missing", "LeavesAThread"]
    outcomes = run_jobs([job(name) for name in names], workers=2, timeout=120)
    clean, ends, loose, crashes, raises, quits, missing, leaves_a_thread = outcomes

    assert isinstance(clean, Checked)
    assert (clean.target, clean.findings, clean.decided) == ("misbehaving:Clean", (), {"MI001", "MI103"})
    assert isinstance(loose, Checked)
    (found,) = loose.findings
    assert (found.rule, found.target) == ("MI103", "misbehaving:Loose")
    assert found.source is not None
    assert (found.source.file, found.source.code) == ("misbehaving.py", "return F.linear(self.fc(x), torch.rand(3, 5))")
    assert isinstance(leaves_a_thread, Checked)

    assert failure(ends).message == "the process that ran the model ended with exit code 7 before it was done"
    assert "goodbye" in failure(ends).detail
    assert failure(crashes).message == "the process that ran the model was killed by SIGSEGV"
    assert failure(raises).message.startswith("forward raised ValueError: no (at misbehaving.py:")
    assert "Traceback" in failure(raises).detail
    assert "sys.exit(4)" in failure(quits).message
    assert "has no 'Missing'" in failure(missing).message
    assert failure(missing).hint.startswith("Its nn.Module classes: Clean,")
    assert capfd.readouterr() == ("", "")


def test_what_hangs_is_ended_with_what_it_started_and_says_where_it_was(pids: Path) -> None:
    told: list[str] = []
    hangs, clean = run_jobs([job("Hangs", pids=str(pids)), job("Clean")], workers=1, timeout=3, progress=told.append)
    assert failure(hangs).message.startswith("it took longer than 3 s, and was at misbehaving.py:")
    assert failure(hangs).message.endswith(" in forward")
    assert isinstance(clean, Checked)
    assert any("asking MI103 about misbehaving:Clean" in line and line.startswith("1 of 2 models") for line in told)
    assert [is_running(int(pid)) for pid in pids.read_text().split()] == [False, False]


def test_when_it_is_interrupted_nothing_is_left_running(pids: Path) -> None:
    def interrupt(_: str) -> None:
        if pids.exists() and pids.read_text().endswith("\n"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs([job("Hangs", pids=str(pids)), *[job("Clean")] * 9], workers=2, timeout=60, progress=interrupt)
    assert [is_running(int(pid)) for pid in pids.read_text().split()] == [False, False]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_what_targets_import_is_imported_once_and_what_they_leave_behind_is_not_shared(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    outcomes = run_jobs([job("Counts", notes=str(notes))] * 2, workers=1, timeout=120)
    assert all(isinstance(outcome, Checked) for outcome in outcomes)
    imported_by, built_by, counts = zip(*(line.split() for line in notes.read_text().splitlines()), strict=True)
    assert len(set(imported_by)) == 1
    assert len(set(built_by)) == 2
    assert imported_by[0] not in built_by
    half = len(counts) // 2
    assert counts[:half] == counts[half:]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_copies_that_a_model_forks_and_lets_go_on_end_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Each would run, and fork, as the first one does, and answer in its place."""
    (outcome,) = run_jobs([job("ForksAndGoesOn")], workers=1, timeout=100)
    assert isinstance(outcome, Checked)
    assert outcome.decided == {"MI001", "MI103"}
    assert capfd.readouterr() == ("", "")
