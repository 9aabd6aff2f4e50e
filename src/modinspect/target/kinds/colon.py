"""``pkg.mod:Class``: a module, a colon, a name in the module."""

from __future__ import annotations

import re

from modinspect.target.importing import import_module, scope_of, walk
from modinspect.target.parse import Found, Kind, Target, Wanted

NAMES = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
CALL = r"\s*(?P<keys>\[.*?\])?\s*(?P<call>\(.*\))?"


def _find(target: Target, wanted: Wanted) -> Found:
    module = import_module(target.place, target.path)
    obj = walk(module, target.place, target.name.split("."), wanted)
    return Found(obj, scope_of(obj, module))


COLON = Kind("colon", re.compile(rf"(?P<place>{NAMES})\s*:\s*(?P<name>{NAMES}){CALL}", re.DOTALL), _find)
