"""Locks that let one thread inspect at a time, and refuse an inspection that would wait for itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from modinspect.errors import RunError
from modinspect.patching import patched

_ATTRIBUTE = "_modinspect_holders"
"""The attribute of a thread that lists the holders during whose time it was started."""


class InspectionLock:
    """A lock that refuses threads started by its holder, which may be waiting for them.

    Args:
        refusal: the message and the hint of the error.
        reentrant: whether the holder may acquire the lock again.
    """

    def __init__(self, *refusal: str, reentrant: bool = False) -> None:
        self._refusal = refusal
        self._reentrant = reentrant
        self._lock = threading.RLock()
        self._holder: _Holder | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._release_in_fork)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock, once no other thread does.

        Raises:
            RunError: this thread holds the lock, or its holder has started this thread.
        """
        me, holder = threading.get_ident(), self._holder
        mine = holder is not None and holder.thread == me
        if (mine and not self._reentrant) or (not mine and holder in _started_under(threading.current_thread())):
            raise RunError(*self._refusal)
        with self._lock:
            if mine:
                yield
                return
            self._holder = holder = _Holder(me)
            try:
                with _marking_threads(holder):
                    yield
            finally:
                self._holder = None

    def _release_in_fork(self) -> None:
        """Frees a lock held by another thread, which doesn't exist in a forked process."""
        if self._holder is not None and self._holder.thread != threading.get_ident():
            self._lock = threading.RLock()
            self._holder = None


class _Holder:
    def __init__(self, thread: int) -> None:
        self.thread = thread


def _started_under(thread: threading.Thread) -> tuple[_Holder, ...]:
    holders: tuple[_Holder, ...] = vars(thread).get(_ATTRIBUTE, ())
    return holders


@contextmanager
def _marking_threads(holder: _Holder) -> Iterator[None]:
    """Marks the threads that the holder starts, and the threads that those start."""
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if threading.get_ident() == holder.thread or holder in _started_under(threading.current_thread()):
            vars(thread)[_ATTRIBUTE] = (*_started_under(thread), holder)
        original(thread)

    with patched(threading.Thread, "start", start):
        yield
