"""Runs command lines in this process."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from modinspect.cli.app import run
from tests.cli.cli_helpers import Modinspect, Ran


@pytest.fixture
def modinspect(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Modinspect:
    """Runs ``modinspect`` with these arguments on a page of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FORCE_COLOR", "NO_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)

    def run_and_read(*args: str) -> Ran:
        code = run(args)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_and_read


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What the test starts can be interrupted: shells start background jobs, and all below them, deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
