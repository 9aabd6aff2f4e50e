"""Who may inspect now: threads take turns, and an inspection inside of another is refused, as it would wait for itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from modinspect.errors import RunError

_MARK = "_modinspect_turns"
"""The attribute of a thread that says in which turns it was started."""


class Turns:
    """Lets one thread in at a time.

    Refused are the threads that are started during a turn, by its thread or by one of these: the turn may be waiting for them.
    Refused is its own thread, too, unless ``again``.

    Args:
        refusal: what is said to those that are refused, and what they should do.
        again: whether a thread may begin another turn inside of its own.
    """

    def __init__(self, *refusal: str, again: bool = False) -> None:
        self._refusal = refusal
        self._again = again
        self._lock = threading.RLock()
        self._turn: _Turn | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits until no other thread has a turn, and has one.

        Raises:
            RunError: it would be a turn inside of a turn.
        """
        me, now = threading.get_ident(), self._turn
        mine = now is not None and now.thread == me
        if (mine and not self._again) or (not mine and now in _started_in(threading.current_thread())):
            raise RunError(*self._refusal)
        with self._lock:
            if mine:
                yield
                return
            self._turn = turn = _Turn(me)
            try:
                with _threads_marked(turn):
                    yield
            finally:
                self._turn = None

    def _forked(self) -> None:
        """In a forked process no other thread goes on, and none that had its turn will end it."""
        if self._turn is not None and self._turn.thread != threading.get_ident():
            self._lock = threading.RLock()
            self._turn = None


class _Turn:
    def __init__(self, thread: int) -> None:
        self.thread = thread


def _started_in(thread: threading.Thread) -> tuple[_Turn, ...]:
    turns: tuple[_Turn, ...] = vars(thread).get(_MARK, ())
    return turns


@contextmanager
def _threads_marked(turn: _Turn) -> Iterator[None]:
    """Marks the threads that the turn starts, and those that these start in their turn."""
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if threading.get_ident() == turn.thread or turn in _started_in(threading.current_thread()):
            vars(thread)[_MARK] = (*_started_in(thread), turn)
        original(thread)

    threading.Thread.start = start  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        threading.Thread.start = original  # type: ignore[method-assign]
