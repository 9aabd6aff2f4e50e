"""What holds for the whole suite."""

from __future__ import annotations

import functools
import multiprocessing.process
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

# No test here is a stopwatch: on a busy machine a property may take its time.
settings.register_profile("modinspect", deadline=None)
settings.load_profile("modinspect")


@pytest.fixture(scope="session", autouse=True)
def _new_processes() -> Iterator[list[str]]:
    """What has started processes since the list was last cleared."""
    started: list[str] = []

    def noting(start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def note_and_start(*args: Any, **kwargs: Any) -> Any:
            started.append(start.__qualname__)
            return start(*args, **kwargs)

        return note_and_start

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((subprocess.Popen, "__init__"), (os, "fork"), (multiprocessing.process.BaseProcess, "start")):
            patch.setattr(owner, name, noting(getattr(owner, name)))
        yield started


@pytest.fixture(autouse=True)
def _only_marked_tests_start_processes(request: pytest.FixtureRequest, _new_processes: list[str]) -> Iterator[None]:
    """``make quick`` leaves out the tests marked ``process``. Forgotten marks would slow it down again."""
    _new_processes.clear()
    yield
    if request.node.get_closest_marker("process") is None:
        assert not _new_processes, "this test starts a process: mark it with @pytest.mark.process"


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
