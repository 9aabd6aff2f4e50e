"""A working directory with a model in it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.target.target_helpers import NET


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory with ``net.py``; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
