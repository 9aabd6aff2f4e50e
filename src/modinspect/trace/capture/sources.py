"""Where in the user's code a call was made: the innermost frame outside torch, kept as a code object and a place in it."""

from __future__ import annotations

import os
from types import CodeType, FrameType
from typing import TypeAlias

import torch

from modinspect.report import Source
from modinspect.trace._torch import SETS_UP_LAZY_MODULE
from modinspect.usercode import code_lines

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_INSIDE = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,
    _HERE,
    *(os.path.join(os.path.dirname(os.__file__), name) for name in ("contextlib.py", "functools.py", "copy.py")),
)

OUTSIDE, INSIDE, EDGE, SETUP, CALL = range(5)
"""What a code object is: the user's; torch's; where modinspect calls the model; a lazy module's set-up; a module's call."""

Place: TypeAlias = "tuple[CodeType | None, int, bool]"
"""A code object and the offset of an instruction in it: which line that is on is looked up when the report is made. The last
says whether a lazy module was being set up."""

NOWHERE: Place = (None, 0, False)


class Sources:
    """Finds and remembers places in the code. Holds code objects only, never frames: a frame keeps its activations alive."""

    def __init__(self) -> None:
        self._kinds: dict[int, int] = {}
        self._codes: list[CodeType] = []
        self._sources: dict[tuple[int, int], Source] = {}
        self._files: dict[str, tuple[str, list[str]]] = {}
        self._directory = _working_directory()
        self.mark(SETS_UP_LAZY_MODULE, SETUP)

    def mark(self, code: CodeType, kind: int) -> int:
        """By identity: each time that a code object is hashed, all its constants are."""
        self._codes.append(code)
        self._kinds[id(code)] = kind
        return kind

    def find(self, frame: FrameType | None, call: Place = NOWHERE) -> Place:
        """The innermost frame outside torch, from ``frame`` outwards.

        ``call`` is the place of the innermost call of a module, if one is running: the search need not go beyond it.
        """
        kinds = self._kinds
        setting_up = False
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(id(code))
            if kind is None:
                kind = self._kind(code)
            if kind != INSIDE:
                if kind == OUTSIDE:
                    return code, frame.f_lasti, setting_up
                if kind == CALL and call is not NOWHERE:
                    return (call[0], call[1], True) if setting_up else call
                if kind == EDGE:
                    break
                setting_up = setting_up or kind == SETUP
            frame = frame.f_back
        return None, 0, setting_up

    def frame(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame outside torch itself, for a look at its variables; not to be kept."""
        while frame is not None:
            kind = self._kind(frame.f_code)
            if kind == EDGE:
                return None
            if kind == OUTSIDE:
                return frame
            frame = frame.f_back
        return None

    def _kind(self, code: CodeType) -> int:
        kind = self._kinds.get(id(code))
        return kind if kind is not None else self.mark(code, INSIDE if code.co_filename.startswith(_INSIDE) else OUTSIDE)

    def settle(self) -> None:
        """Reads the files that code ran from: until the report is read, they may change, and so may the working directory."""
        for code in self._codes:
            if self._kinds[id(code)] == OUTSIDE:
                self._read(code.co_filename)

    def _read(self, file: str) -> tuple[str, list[str]]:
        """(the name that is shown, the lines) of a file."""
        found = self._files.get(file)
        if found is None:
            found = self._files[file] = _relative(file, self._directory), code_lines(file)
        return found

    def source(self, place: Place) -> Source | None:
        """The place as report data."""
        code, at, _ = place
        if code is None:
            return None
        found = self._sources.get((id(code), at))
        if found is None:
            line = line_of(code, at)
            function = getattr(code, "co_qualname", code.co_name)  # Python 3.10 knows the plain name alone
            file, lines = self._read(code.co_filename)
            text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
            found = self._sources[id(code), at] = Source(file, line, function, text or None)
        return found


def line_of(code: CodeType, at: int) -> int:
    """The line of the instruction at the offset ``at``."""
    lines = (line for start, stop, line in code.co_lines() if line is not None and start <= at < stop)
    return next(lines, code.co_firstlineno)


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return None


def _relative(file: str, directory: str | None) -> str:
    """``file`` relative to the working directory when under it."""
    if directory is None or file.startswith("<"):
        return file
    try:
        inside = os.path.relpath(file, directory)
    except ValueError:  # another drive
        return file
    return file if inside.startswith("..") else inside
