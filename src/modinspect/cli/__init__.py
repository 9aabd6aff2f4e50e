"""The command line: the only part that catches errors and prints."""

from __future__ import annotations

import os
import sys

is_own_process = False
"""Whether this process only runs the command: ``main`` was called."""


def main() -> int:
    """The entry point: runs the command that the process was started with.

    Returns:
        The exit code: 0 done, 1 something was found (``lint``, ``diff``), 2 failed, 130 interrupted.
    """
    global is_own_process  # noqa: PLW0603  (set once, before all else)
    is_own_process = True
    _replace_closed_streams()
    try:
        from modinspect.cli.app import run

        code = run(sys.argv[1:])
        _keep_stdout_clean()
    except KeyboardInterrupt:
        return 130  # before or after the command, which reports it itself
    return code


def _replace_closed_streams() -> None:
    """Python has ``None`` for a standard stream that is closed (``>&-``); what is written there is dropped."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (open until the process ends)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _keep_stdout_clean() -> None:
    """Sends further output to standard error.

    The result is written. Exit handlers, threads and the C library's buffers of the model's code may still print.
    """
    streams = sys.modules.get("modinspect.cli.streams")  # without it, no command ran
    if streams is not None:
        streams.redirect_for_good(sys.stdout)
