"""From an imported target to a model and what its ``forward`` is called with: what ``show`` and ``lint`` do alike."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modinspect.errors import InputError, RunError
from modinspect.signatures import argument_names

if TYPE_CHECKING:
    import torch
    from torch import nn

    from modinspect.inputs import Inputs
    from modinspect.load import Factory


@dataclass(frozen=True)
class Recipe:
    """How a model and its inputs are made; ``tell`` is told in words what is being done."""

    factory: Factory
    inputs: tuple[str, ...]
    input_fn: str | None
    dtype: str | None
    tell: Callable[[str], None]

    def build(self) -> nn.Module:
        """The model, with parameters of the wanted dtype; the same one each time.

        Raises:
            TargetError: it could not be built.
        """
        import torch
        from torch import nn

        self.tell(f"building {self.factory.target.text}")
        torch.manual_seed(0)
        if self.dtype is None:
            return self.factory.build()
        dtype = _floating(self.dtype)
        if isinstance(self.factory.obj, nn.Module):
            return copy.deepcopy(self.factory.obj).to(dtype)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            return self.factory.build()
        finally:
            torch.set_default_dtype(before)

    def make_inputs(self, model: nn.Module, device: torch.device | str) -> tuple[Inputs | None, tuple[str, ...]]:
        """The inputs, and notes on them; ``None`` where nobody says what they are.

        Raises:
            InputError: they could not be made, or don't fit ``forward``.
        """
        from modinspect.inputs import call_input_function, make_inputs, try_guesses

        if self.input_fn is not None:
            if self.inputs:
                raise InputError("--input and --input-fn are both given", "Give one of them.")
            made = call_input_function(self.input_fn, model=model, device=device)
            return made, made.notes
        if self.inputs:
            made = make_inputs(self.inputs, model=model, device=device, dtype=self.dtype)
            return made, made.notes
        guessed, notes = try_guesses(model, self.factory, device=device, dtype=self.dtype)
        if guessed is None:
            return None, notes
        return guessed, (*notes, f"input taken from {guessed.how}")


def real_device(name: str) -> torch.device:
    """A device for a real run.

    Raises:
        RunError: there is none of that name, or it can't be used here.
    """
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RunError(
            f"the device {name!r} can't be used: {str(error).splitlines()[0]}",
            "As in auto, cpu, cuda, cuda:1, mps, weightless, weightless:cuda (which needs no GPU).",
        ) from error
    return device


def weightless_device(where: str) -> torch.device:
    """The device that a run without memory is to look as if it were on: what follows ``weightless:``.

    Raises:
        InputError: there is none of that name.
    """
    import torch

    if where.partition(":")[0] not in ("", "cpu", "cuda"):
        raise InputError(f"'weightless:{where}' is no device", "As in weightless, weightless:cpu, weightless:cuda.")
    return torch.device(where or "cpu") if where != "cuda" else torch.device("cuda:0")


def how_to_give(model: nn.Module) -> str:
    """What ``forward`` takes, so that one sees what to give by ``--input``."""
    try:
        takes = ", ".join(argument_names(inspect.signature(model.forward)))
    except (TypeError, ValueError):
        return "give one with --input"
    return f"give one with --input; forward takes {takes or 'nothing'}"


def param_bytes(model: nn.Module) -> int:
    """The memory that the parameters take, or would take."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def check_memory(model: nn.Module, need: str) -> None:
    """Stops where the model would not fit into memory.

    Raises:
        RunError: it would not.
    """
    needed, available = param_bytes(model), _available_memory()
    if available is not None and needed > available:
        raise RunError(
            f"{need}, so a run without memory can't be done; the real one needs {needed / 2**30:.1f} GiB for the parameters "
            f"alone, and {available / 2**30:.1f} GiB are there",
            "Build a smaller model of the kind (--init num_hidden_layers=2), or run it where it fits (--device cuda).",
        )


def _available_memory() -> int | None:
    """Bytes that could be allocated now, where the system says (Linux)."""
    with suppress(OSError), open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _floating(name: str) -> torch.dtype:
    import torch

    from modinspect.inputs.spec import dtype_name

    dtype = getattr(torch, dtype_name(name) or "", None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"{name!r} is no floating dtype", "As in float32, bfloat16, float16, float64.")
    return dtype
