"""Where in the user's code a call was made: the innermost frame outside torch, kept as a code object and a place in it."""

from __future__ import annotations

import linecache
import os
from types import CodeType, FrameType

import torch
from torch.nn.modules.lazy import LazyModuleMixin

from modinspect.report import Source

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_INSIDE = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,
    _HERE,
    *(os.path.join(os.path.dirname(os.__file__), name) for name in ("contextlib.py", "functools.py", "copy.py")),
)

OUTSIDE, INSIDE, EDGE, SETUP = range(4)
"""What a code object is: the user's; torch's; the edge at which modinspect called the model; a lazy module's set-up."""

_SETUP_CODE = LazyModuleMixin._infer_parameters.__code__


class Sources:
    """Finds and remembers places in the code. Holds code objects only, never frames: a frame keeps its activations alive."""

    def __init__(self) -> None:
        self._kinds: dict[int, int] = {}
        self._codes: list[CodeType] = []
        self._sources: dict[tuple[int, int], Source] = {}
        self._mark(_SETUP_CODE, SETUP)

    def mark_edge(self, code: CodeType) -> None:
        """Frames of ``code`` end the search."""
        self._mark(code, EDGE)

    def _mark(self, code: CodeType, kind: int) -> int:
        """By identity: each time that a code object is hashed, all its constants are."""
        self._codes.append(code)
        self._kinds[id(code)] = kind
        return kind

    def find(self, frame: FrameType | None) -> tuple[CodeType | None, int, bool]:
        """(code, instruction, whether a lazy module is being set up) of the innermost frame outside torch, from ``frame``
        outwards.
        """
        kinds = self._kinds
        setting_up = False
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(id(code))
            if kind is None:
                kind = self._kind(code)
            if kind == OUTSIDE:
                return code, frame.f_lasti, setting_up
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
        return kind if kind is not None else self._mark(code, INSIDE if code.co_filename.startswith(_INSIDE) else OUTSIDE)

    def source(self, code: CodeType | None, at: int) -> Source | None:
        """The place as report data."""
        if code is None:
            return None
        found = self._sources.get((id(code), at))
        if found is None:
            line = line_of(code, at)
            text = linecache.getline(code.co_filename, line).strip()
            function = getattr(code, "co_qualname", code.co_name)  # Python 3.10 knows the plain name alone
            found = self._sources[id(code), at] = Source(_relative(code.co_filename), line, function, text or None)
        return found


def line_of(code: CodeType, at: int) -> int:
    """The line of the instruction at the offset ``at``."""
    lines = (line for start, stop, line in code.co_lines() if line is not None and start <= at < stop)
    return next(lines, code.co_firstlineno)


def _relative(file: str) -> str:
    """``file`` relative to the working directory when under it."""
    try:
        inside = os.path.relpath(file)
    except (ValueError, OSError):  # another drive; a working directory that is gone
        return file
    return file if inside.startswith("..") or file.startswith("<") else inside
