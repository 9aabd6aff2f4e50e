"""Which node of the autograd graph is running."""

from __future__ import annotations

from typing import Any

import torch

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse(
        "torch._C._current_autograd_node", "A dispatch mode sees the operators of backward, but not whose gradient they make."
    ),
)


def current_autograd_node() -> Any:
    """The node whose backward is running in this thread; ``None`` outside of backward."""
    return torch._C._current_autograd_node()
