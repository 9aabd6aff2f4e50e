"""The seeds of ``fuzz/run.py``: a reader that refuses its seed at the first check is never tried beyond it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, without atheris."""
    atheris = SimpleNamespace(instrument_imports=lambda include: contextlib.nullcontext())
    monkeypatch.setitem(sys.modules, "atheris", cast(ModuleType, atheris))
    monkeypatch.delitem(sys.modules, "fuzz.run", raising=False)
    return importlib.import_module("fuzz.run")


def test_each_reader_takes_its_seeds(fuzz: Any) -> None:
    assert len(fuzz.SEEDS) == len(fuzz.READERS)
    for reader, seeds in zip(fuzz.READERS, fuzz.SEEDS, strict=True):
        for seed in seeds:
            reader(seed)  # raises if it refuses
