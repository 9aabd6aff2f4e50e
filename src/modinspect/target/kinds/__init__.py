"""The kinds of target, one file each, in the order in which they are tried."""

from __future__ import annotations

from modinspect.target.kinds.archive import ARCHIVE
from modinspect.target.kinds.colon import COLON
from modinspect.target.kinds.dotted import DOTTED
from modinspect.target.kinds.file import FILE
from modinspect.target.parse import Kind

KINDS: tuple[Kind, ...] = (ARCHIVE, FILE, COLON, DOTTED)
