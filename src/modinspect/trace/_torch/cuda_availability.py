"""Makes a model believe that there is a GPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from modinspect.patching import patched
from modinspect.trace._torch.private import Patch

PATCHES = (
    Patch("torch.cuda.is_available", "Tells a model that runs as if on a GPU that there is one; torch still hears the truth."),
    Patch("torch.cuda.is_bf16_supported", "A GPU that doesn't exist is taken to have bfloat16."),
    Patch("torch.cuda.amp.common.amp_definitely_not_available", "Without a GPU autocast would switch itself off."),
)


@contextmanager
def cuda_looks_available() -> Iterator[None]:
    """``torch.cuda.is_available()`` is true inside the block for all callers but torch and modinspect."""
    available = torch.cuda.is_available

    def is_available() -> bool:
        caller: str = sys._getframe(1).f_globals.get("__name__", "")
        return caller.partition(".")[0] not in ("torch", "modinspect") or available()

    with ExitStack() as stack:
        stack.enter_context(patched(torch.cuda, "is_available", is_available))
        stack.enter_context(patched(torch.cuda, "is_bf16_supported", lambda *_, **__: True))
        stack.enter_context(patched(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False))
        yield
