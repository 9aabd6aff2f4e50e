"""Nothing about the console leaks in from outside."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_console(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
