"""The Python API: from a model, or from a target as the command line takes it, to a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from modinspect.report import Report


def inspect(model: nn.Module, *args: Any, **kwargs: Any) -> Report:
    """Runs ``model(*args, **kwargs)`` once, as it is, on its own device, and reports what ran.

    The forward runs under ``torch.no_grad()``. The model, its buffers, the inputs and all random states are left as they were.

    Returns:
        The report; if ``forward`` raised, ``Report.error`` says what, and what ran before it stands in ``Report.ops``.

    Raises:
        RunError: an inspection inside an inspection.
    """
    from modinspect.trace import trace

    return trace(model, args, kwargs)
