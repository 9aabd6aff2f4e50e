"""Tasks for a pool, as workers import them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from modinspect.process import Tell


def work(task: str, tell: Tell) -> tuple[str, int]:
    """Does what the task says, and returns it with the process that did."""
    tell(f"at {task}")
    if task == "exits":
        print("last words", flush=True)
        os._exit(7)
    if task == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "hangs":
        time.sleep(600)
    if task == "forks" and not os.fork():
        tell("a copy")
    return task, os.getpid()


def prepare(task: str) -> bool:
    """Whether the worker can be forked; notes which process prepared."""
    if task.startswith("prepared "):
        with Path(task.removeprefix("prepared ")).open("a") as file:
            print(os.getpid(), file=file)
    return task != "cannot fork"
