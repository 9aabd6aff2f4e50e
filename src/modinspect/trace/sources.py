"""Where in the user's code a call was made: the innermost frame outside torch, kept as a code object and a line."""

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
        self._kinds: dict[CodeType, int] = {_SETUP_CODE: SETUP}
        self._sources: dict[tuple[CodeType, int], Source] = {}

    def mark_edge(self, code: CodeType) -> None:
        """Frames of ``code`` end the search."""
        self._kinds[code] = EDGE

    def find(self, frame: FrameType | None) -> tuple[CodeType | None, int, bool]:
        """(code, line, whether a lazy module is being set up) of the innermost frame outside torch, from ``frame`` outwards."""
        kinds = self._kinds
        setting_up = False
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(code)
            if kind is None:
                kind = self._kind(code)
            if kind == OUTSIDE:
                return code, frame.f_lineno, setting_up
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
        return self._kinds.setdefault(code, INSIDE if code.co_filename.startswith(_INSIDE) else OUTSIDE)

    def source(self, code: CodeType | None, line: int) -> Source | None:
        """The place as report data."""
        if code is None:
            return None
        key = (code, line)
        found = self._sources.get(key)
        if found is None:
            text = linecache.getline(code.co_filename, line).strip()
            function = getattr(code, "co_qualname", code.co_name)  # Python 3.10 knows the plain name alone
            found = self._sources[key] = Source(_relative(code.co_filename), line, function, text or None)
        return found


def _relative(file: str) -> str:
    """``file`` relative to the working directory when under it."""
    try:
        inside = os.path.relpath(file)
    except (ValueError, OSError):  # another drive; a working directory that is gone
        return file
    return file if inside.startswith("..") or file.startswith("<") else inside
