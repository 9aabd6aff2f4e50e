"""What holds for the whole suite."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No test here is a stopwatch: on a busy machine a property may take its time.
settings.register_profile("modinspect", deadline=None)
settings.load_profile("modinspect")


@pytest.fixture(autouse=True)
def _forget_modules_of_a_temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests write modules called ``net`` or ``models``; the next one's is another."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(base):
            del sys.modules[name]


@pytest.fixture
def untraced() -> Iterator[None]:
    """Without the tracer of coverage: it raises in code whose file no file can be called, and takes stack of its own."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)
