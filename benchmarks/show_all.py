"""Runs each of the targets on the command line once, without memory, in this process."""

from __future__ import annotations

import sys

from modinspect import inspect_target

for target in sys.argv[1:]:
    inspect_target(target, device="weightless", crosscheck=False)
