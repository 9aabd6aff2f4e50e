"""The memory at hand, and whether a model fits into it."""

from __future__ import annotations

import builtins
import os
from pathlib import Path

import pytest
from torch import nn

from modinspect.errors import RunError
from modinspect.session import available_memory, memory


def meminfo(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Lets the system say in ``file`` what it says in ``/proc/meminfo``."""
    real = builtins.open

    def opened(name: object, *rest: object, **more: object) -> object:
        return real(file if name == "/proc/meminfo" else name, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", opened)


def test_linux_says_what_is_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemFree:  10 kB\nMemAvailable:  1000 kB\n")
    meminfo(monkeypatch, tmp_path / "meminfo")
    assert available_memory() == 1_024_000


def test_elsewhere_it_is_all_memory_if_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo(monkeypatch, tmp_path / "missing")
    said = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(os, "sysconf", said.__getitem__)
    assert available_memory() == 4_096_000
    for reason in (ValueError(), OSError()):
        monkeypatch.setattr(os, "sysconf", lambda _, reason=reason: (_ for _ in ()).throw(reason))
        assert available_memory() is None
    monkeypatch.delattr(os, "sysconf")
    assert available_memory() is None


def test_a_model_that_does_not_fit_is_refused_with_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(1023, 1024 * 1024 // 4, device="meta")  # (1023 + 1) * 2**18 floats of 4 bytes: 1 GiB
    monkeypatch.setattr(memory, "available_memory", lambda: 2**29)
    assert not memory.fits_memory(model)
    with pytest.raises(RunError) as refused:
        memory.check_memory(model.parameters(), "x needs values")
    assert refused.value.message == (
        "the model needs real weights (x needs values): 1.0 GiB for its parameters, and 0.5 GiB are available"
    )
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    assert memory.fits_memory(model)
    memory.check_memory(model.parameters(), "x needs values")
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    assert memory.fits_memory(model)
