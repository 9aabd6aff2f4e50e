"""``pkg.mod.Class``: nothing marks where the module ends, so each part is tried as attribute and as module."""

from __future__ import annotations

import re

from modinspect.target.importing import import_module, innermost_module, scope_of, walk
from modinspect.target.kinds.colon import CALL, NAMES
from modinspect.target.parse import Found, Kind, Target, Wanted


def _find(target: Target, wanted: Wanted) -> Found:
    top, *names = target.place.split(".")
    obj = walk(import_module(top, target.path), top, names, wanted)
    return Found(obj, scope_of(obj, innermost_module(target.place)))


DOTTED = Kind("dotted", re.compile(rf"(?P<place>{NAMES})(?P<name>){CALL}", re.DOTALL), _find)
