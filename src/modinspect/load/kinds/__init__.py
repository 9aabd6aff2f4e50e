"""The kinds of target, one file each, in the order in which they are tried."""

from __future__ import annotations

from modinspect.load.kinds.colon import COLON
from modinspect.load.kinds.dotted import DOTTED
from modinspect.load.kinds.file import FILE
from modinspect.load.target import Kind

KINDS: tuple[Kind, ...] = (FILE, COLON, DOTTED)
