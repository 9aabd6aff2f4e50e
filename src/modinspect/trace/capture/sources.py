"""Where in the user's code a call was made: the innermost frame of theirs, kept as a code object and an offset in it."""

from __future__ import annotations

import os
from types import CodeType, FrameType
from typing import Final, TypeAlias

from modinspect.report import Source
from modinspect.trace._torch import SETS_UP_LAZY_MODULE
from modinspect.usercode import code_lines, is_users, relative

USERS, OTHERS, EDGE, SETUP, CALL = range(5)
"""Kinds of code: the user's; torch's, Python's or modinspect's; the call of the model; the set-up of a lazy module; a module's
call."""

SourceRef: TypeAlias = "tuple[CodeType | None, int, bool]"
"""(code object, offset of an instruction in it, whether a lazy module was being set up). The line is looked up when the report
is made."""

CODE: Final = 0
OFFSET: Final = 1
SETTING_UP: Final = 2
"""Indices into a :data:`SourceRef`, which is made once for each op: a named tuple would take longer."""

NOWHERE: SourceRef = (None, 0, False)


class Sources:
    """Finds and remembers lines of code. Holds code objects only, never frames: a frame keeps its activations alive."""

    def __init__(self) -> None:
        self._kinds: dict[int, int] = {}
        self._codes: list[CodeType] = []
        self._sources: dict[tuple[int, int], Source] = {}
        self._files: dict[str, tuple[str, list[str]]] = {}
        self._directory = _working_directory()
        self.mark(SETS_UP_LAZY_MODULE, SETUP)

    def mark(self, code: CodeType, kind: int) -> int:
        """Sets the kind of a code object; by identity, as hashing a code object hashes all its constants."""
        self._codes.append(code)
        self._kinds[id(code)] = kind
        return kind

    def find(self, frame: FrameType | None, caller: SourceRef = NOWHERE) -> SourceRef:
        """The innermost frame that is the user's, from ``frame`` outwards.

        ``caller`` is the source of the innermost call of a module, if one is running: the search stops there.
        """
        kinds = self._kinds
        setting_up = False
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(id(code))
            if kind is None:
                kind = self._kind(code)
            if kind != OTHERS:
                if kind == USERS:
                    return code, frame.f_lasti, setting_up
                if kind == CALL and caller is not NOWHERE:
                    return (caller[CODE], caller[OFFSET], True) if setting_up else caller
                if kind == EDGE:
                    break
                setting_up = setting_up or kind == SETUP
            frame = frame.f_back
        return None, 0, setting_up

    def frame(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame that is the user's, for a look at its variables; not to be kept."""
        while frame is not None:
            kind = self._kind(frame.f_code)
            if kind == EDGE:
                return None
            if kind == USERS:
                return frame
            frame = frame.f_back
        return None

    def _kind(self, code: CodeType) -> int:
        kind = self._kinds.get(id(code))
        return kind if kind is not None else self.mark(code, USERS if is_users(code.co_filename) else OTHERS)

    def settle(self) -> None:
        """Reads the files that code ran from: until the report is read, they may change, and so may the working directory."""
        for code in self._codes:
            if self._kinds[id(code)] == USERS:
                self._read(code.co_filename)

    def _read(self, file: str) -> tuple[str, list[str]]:
        """(the name to show, the lines) of a file."""
        found = self._files.get(file)
        if found is None:
            found = self._files[file] = self._shown(file), code_lines(file)
        return found

    def _shown(self, file: str) -> str:
        return file if self._directory is None or file.startswith("<") else relative(file, self._directory)

    def source(self, ref: SourceRef) -> Source | None:
        """The line of code as report data."""
        code, offset, _ = ref
        if code is None:
            return None
        found = self._sources.get((id(code), offset))
        if found is None:
            line = line_of(code, offset)
            function = getattr(code, "co_qualname", code.co_name)  # Python 3.10 has only co_name
            file, lines = self._read(code.co_filename)
            text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
            found = self._sources[id(code), offset] = Source(file, line, function, text or None)
        return found


def line_of(code: CodeType, offset: int) -> int:
    """The line of the instruction at ``offset``."""
    lines = (line for start, stop, line in code.co_lines() if line is not None and start <= offset < stop)
    return next(lines, code.co_firstlineno)


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None
