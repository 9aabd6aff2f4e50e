"""The live line: on a terminal alone, out of the way of what the model prints, gone when the work is done."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr

import pytest

from modinspect.cli import progress
from modinspect.cli.progress import live_line


class Screen(io.StringIO):
    """A terminal of 80 columns."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What stands in each line, after the erasing."""
        return [line.split("\r\x1b[2K")[-1] for line in self.getvalue().split("\n")]

    def wait_for(self, text: str) -> None:
        """Waits until the last line holds ``text``."""
        for _ in range(10_000):
            if text in self.lines()[-1]:
                return
            time.sleep(0.001)
        pytest.fail(f"{text!r} is not in {self.lines()}")


@contextmanager
def working(stderr: io.StringIO) -> Iterator[Callable[[str], None] | None]:
    with redirect_stderr(stderr), live_line() as say:
        yield say


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_FIRST_AFTER", 0)
    monkeypatch.setattr(progress, "_EVERY", 0.001)
    before = threading.active_count()
    yield screen
    assert threading.active_count() == before


def test_the_line_says_what_the_work_is_at_and_is_gone_in_the_end(screen: Screen) -> None:
    with working(screen) as say:
        assert say is not None
        say("running 3 of 12 modules: layers.1.fc")
        screen.wait_for("fc")
        assert screen.lines() == ["running 3 of 12 modules: layers.1.fc  0 s"]
    assert screen.lines() == [""]


def test_names_from_the_model_are_plain_text_in_one_line_of_the_terminal(screen: Screen) -> None:
    with working(screen) as say:
        assert say is not None
        say("\x1b[31m[bold]\n" + "long" * 50)
        screen.wait_for("long")
        (line,) = screen.lines()
        assert line.startswith(r"\x1b[31m[bold]\x0along")
        assert len(line) == 79


def test_what_the_model_prints_stands_above_the_line(screen: Screen) -> None:
    with working(screen):
        screen.wait_for("importing")
        print("hello")
        print("warning", file=sys.stderr)
        screen.wait_for("importing")
        assert screen.lines()[:2] == ["hello", "warning"]
    assert screen.lines() == ["hello", "warning", ""]


def test_a_line_that_the_model_has_begun_is_not_drawn_over(screen: Screen) -> None:
    with working(screen) as say:
        assert say is not None
        screen.wait_for("importing")
        sys.stderr.write("half")
        say("something else")
        time.sleep(0.05)
        assert screen.lines() == ["half"]
        print(" and half")
    assert screen.lines() == ["half and half", ""]


def test_a_stream_that_the_model_kept_still_works(screen: Screen) -> None:
    with working(screen):
        kept = sys.stderr
    kept.write("later\n")
    assert kept.isatty()
    assert screen.lines()[0] == "later"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_line_goes_when_the_work_fails(screen: Screen, error: type[BaseException]) -> None:
    def work() -> None:
        with working(screen):
            screen.wait_for("importing")
            raise error

    with pytest.raises(error):
        work()
    assert screen.lines() == [""]


def test_there_is_no_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", "1")
    with working(pipe) as say:
        assert say is None
        assert sys.stderr is pipe


def test_there_is_no_line_on_a_terminal_that_cannot_erase(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with working(screen) as say:
        assert say is None
