"""The memory that a model would take, and the memory at hand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modinspect import registered
from modinspect.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor, nn

_SMALLER = "Build a smaller model (--init num_hidden_layers=2), or run it where it fits (--device cuda)."


def available_memory() -> int | None:
    """Bytes that can be allocated now: what Linux calls available, elsewhere all memory; ``None`` if the system doesn't say."""
    with suppress(OSError), open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def param_bytes(parameters: Iterable[Tensor]) -> int:
    """The memory that parameters take, or would take; those of lazy modules have no size yet."""
    from torch.nn.parameter import is_lazy

    return sum(tensor.numel() * tensor.element_size() for tensor in parameters if not is_lazy(tensor))


def fits_memory(model: nn.Module) -> bool:
    """Whether the parameters fit into the available memory, as far as the system says."""
    available = available_memory()
    return available is None or param_bytes(registered.parameters(model)) <= available


def check_memory(parameters: Iterable[Tensor], need: str) -> None:
    """Stops if a model with these parameters doesn't fit into memory.

    Args:
        parameters: with or without memory of their own.
        need: why real weights are needed.

    Raises:
        RunError: it doesn't fit.
    """
    available, needed = available_memory(), param_bytes(parameters)
    if available is not None and needed > available:
        size = f"{needed / 2**30:.1f} GiB for its parameters, and {available / 2**30:.1f} GiB are available"
        raise RunError(f"the model needs real weights ({need}): {size}", _SMALLER)


@contextmanager
def within_memory(need: str) -> Iterator[None]:
    """Stops the block as soon as the parameters that it builds take more than the available memory.

    Args:
        need: why real weights are needed.

    Raises:
        RunError: they don't fit.
    """
    from modinspect.trace import within

    available = available_memory()
    size = f"more for its parameters than the {(available or 0) / 2**30:.1f} GiB that are available"
    with within(available, f"the model needs real weights ({need}): {size}", _SMALLER):
        yield
