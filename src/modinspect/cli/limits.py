"""A time limit for a command, and a message if the model's code ends its process."""

from __future__ import annotations

from collections.abc import Callable

import typer

from modinspect import cli
from modinspect.cli.messages import FAILED, INTERRUPTED, error
from modinspect.process import Ended, exits_reported, run_limited


def limited(work: Callable[[bool], None], timeout: float | None) -> None:
    """Runs ``work``, in a child process if possible, and exits with its exit code.

    Args:
        work: the command. Its argument says whether the process ends with it. Raises ``typer.Exit`` for exit codes above 0.
        timeout: in seconds; 0 and ``None`` are no limit.
    """

    def code_of_work(ends: bool) -> int:
        try:
            with exits_reported(_report):
                work(ends)
        except typer.Exit as end:
            return end.exit_code
        except KeyboardInterrupt:
            return INTERRUPTED
        return 0

    code = run_limited(code_of_work, _report, timeout=timeout, isolate=cli.is_own_process)
    if code:
        raise typer.Exit(code)


def _report(ended: Ended) -> int:
    error(ended.message, ended.hint)
    return FAILED
