"""Runs user code, and locates exceptions in it."""

from __future__ import annotations

import functools
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modinspect.errors import ModinspectError
from modinspect.wording import PACKAGE_DIRECTORIES

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_EXAMPLES = os.path.join(_HERE, "examples.py")
_LONGEST_MESSAGE = 2000
_LONGEST_TEXT = 100_000
_LONGEST_TRACEBACK = 1_000_000
"""Characters. What torch says of a state that does not fit a large model is longer than a message that people read."""

_DUMPED = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)


def _ask_for_the_traceback(raised: BaseException) -> str:
    return "" if isinstance(raised, SystemExit) else "--traceback prints all frames."


def root_cause(raised: BaseException) -> BaseException:
    """The exception that an exception was raised ``from``, and so on to the first one."""
    seen: set[int] = set()  # an exception may be its own cause
    while raised.__cause__ is not None and id(raised) not in seen:
        seen.add(id(raised))
        raised = raised.__cause__
    return raised


def itself(raised: BaseException) -> BaseException:
    """The exception as it is."""
    return raised


@contextmanager
def user_code(
    error: type[ModinspectError],
    doing: str,
    hint: Callable[[BaseException], str] = _ask_for_the_traceback,
    *,
    reported: Callable[[BaseException], BaseException] = itself,
) -> Iterator[None]:
    """Turns an exception of the block into ``error``: what was being done, what was raised, and where.

    ``sys.exit()`` counts as raising. Ctrl-C passes through, and so do modinspect's own errors.

    Args:
        error: the class of the error to raise.
        doing: what was being done.
        hint: says what to do about the exception.
        reported: chooses which exception is described: the raised one, or its :func:`root_cause`.
    """
    try:
        yield
    except (KeyboardInterrupt, ModinspectError):
        raise
    except SystemExit as raised:
        message = f"{doing} called sys.exit({'' if raised.code is None else repr(raised.code)}){_at(raised)}"
        raise error(message, hint(raised)) from raised
    except BaseException as raised:
        shown = reported(raised)
        raise error(f"{doing} raised {describe(shown)}{_at(shown)}", hint(shown)) from raised


def describe(raised: BaseException) -> str:
    """``ValueError: message``, also for exceptions whose ``str()`` fails."""
    name = type(raised).__name__
    # a SyntaxError's own text repeats its file and line
    text = raised.msg if isinstance(raised, SyntaxError) and isinstance(raised.msg, str) else said(raised).strip()
    text = _cut(text, _LONGEST_MESSAGE)
    return f"{name}: {text}" if text else name


def said(raised: BaseException) -> str:
    """The message of an exception, shortened; also if its ``__str__`` raises."""
    try:
        return _cut(str(raised), _LONGEST_TEXT)
    except KeyboardInterrupt:
        raise
    except BaseException as unprintable:  # a user's __str__ can raise anything
        return f"(its message can't be shown: str() raised {type(unprintable).__name__})"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]} ..."


def code_line(file: str, line: int) -> str:
    """A line of code, stripped; empty if it can't be read."""
    lines = code_lines(file)
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def code_lines(file: str) -> list[str]:
    """The lines of a source file; empty if it can't be read."""
    try:
        return linecache.getlines(file)
    except ValueError:  # generated code can have any file name, also with a NUL or a surrogate
        return []


def traceback_text(raised: BaseException, without: str = "\0") -> str:
    """The traceback without frames of files below the directory ``without``."""
    try:
        return _traceback_text(raised, without)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # formatting calls str() on the exceptions
        frames = "".join(traceback.format_tb(raised.__traceback__))
        return f"Traceback (most recent call last):\n{frames}{describe(raised)} (more can't be shown: {describe(failure)})\n"


def _traceback_text(raised: BaseException, without: str) -> str:
    whole = traceback.TracebackException.from_exception(raised, lookup_lines=False)
    told: traceback.TracebackException | None = whole
    while told is not None:
        kept = [frame for frame in told.stack if not frame.filename.startswith(without)]
        told.stack = traceback.StackSummary.from_list([_readable(frame) for frame in kept])
        told = told.__cause__ or told.__context__
    return _cut("".join(whole.format()), _LONGEST_TRACEBACK)


def _readable(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    """The frame, without its line of code if that can't be read."""
    line = code_line(frame.filename, frame.lineno or 0)
    return frame if line else traceback.FrameSummary(frame.filename, frame.lineno, frame.name, lookup_line=False, line="")


def place(raised: BaseException) -> str | None:
    """``file:line`` of the innermost frame in the user's code, or else in an installed library."""
    if isinstance(raised, SyntaxError) and raised.filename and raised.lineno and os.path.isfile(raised.filename):
        return f"{relative(raised.filename)}:{raised.lineno}"
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(raised.__traceback__)]
    foreign = [(file, line) for file, line in frames if os.path.isfile(file) and is_users(file)]
    own = [(file, line) for file, line in foreign if not is_installed(file)]
    if not foreign:
        return None
    file, line = (own or foreign)[-1]
    return f"{relative(file)}:{line}"


def fault_of_the_model(raised: BaseException) -> str | None:
    """A message if the user's code raised (in a property or ``__hash__``, for example); ``None`` if it didn't."""
    return f"the model's code raised {describe(raised)}{_at(raised)}" if _raised_by_the_model(raised) else None


def _raised_by_the_model(raised: BaseException) -> bool:
    for frame, _ in reversed(list(traceback.walk_tb(raised.__traceback__))):
        file = frame.f_code.co_filename
        if _is_modinspects(file):
            return False
        if os.path.isfile(file) and is_users(file) and not is_installed(file):
            return True
    return False


def place_in_dump(frames: str) -> str:
    """``file:line in function`` of the innermost user frame in a dump of :mod:`faulthandler`."""
    for match in _DUMPED.finditer(frames):
        file, line, function = match.groups()
        if not file.startswith("<") and is_users(file) and not is_installed(file):
            return f"{relative(file)}:{line} in {function}"
    return ""


def relative(file: str, directory: str | None = None) -> str:
    """The file's name relative to ``directory`` (the working directory) if it is below it."""
    try:
        name = os.path.relpath(file, directory)
    except (OSError, ValueError):  # the working directory was deleted; another drive
        return file
    return os.path.abspath(file) if name.startswith("..") else name


def _at(raised: BaseException) -> str:
    where = place(raised)
    return f" (at {where})" if where else ""


@functools.cache
def is_installed(file: str) -> bool:
    """Whether ``file`` belongs to an installed library or to Python itself. Only this function decides that."""
    parts = file.replace("\\", "/").split("/")
    return not set(parts).isdisjoint(PACKAGE_DIRECTORIES) or os.path.abspath(file).startswith(_python())


@functools.cache
def _python() -> tuple[str, ...]:
    """The directories of Python's library. Looked up late: importing sysconfig takes time."""
    import sysconfig

    return tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))


def is_users(file: str) -> bool:
    """Whether code in ``file`` speaks for itself: a source may point to it.

    Python's library, torch and modinspect run on behalf of their callers (decorators, context managers, ``copy``). So a source
    is the innermost frame in another file: the user's own, or that of a library of models.
    """
    return not (file.startswith(_torch()) or _runs_for_its_caller(file))


@functools.cache
def _runs_for_its_caller(file: str) -> bool:
    if file.startswith("<frozen ") or file.endswith(os.sep + "typing_extensions.py") or _is_modinspects(file):
        return True
    return file.startswith(_STDLIB) and set(file.split(os.sep)).isdisjoint(PACKAGE_DIRECTORIES)


def _is_modinspects(file: str) -> bool:
    return file.startswith(_HERE) and file != _EXAMPLES


_STDLIB = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")


def _torch() -> str:
    """Torch's directory; one that no file is in if torch has not been imported."""
    file = getattr(sys.modules.get("torch"), "__file__", None)
    return os.path.join(os.path.dirname(os.path.abspath(file)), "") if file else "\0"
