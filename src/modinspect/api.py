"""The Python API: from a model, or from a target as the command line takes it, to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from modinspect.memory import MemoryReport
    from modinspect.report import Report
    from modinspect.session import Request


def inspect(model: nn.Module, *args: Any, **kwargs: Any) -> Report:
    """Runs ``model(*args, **kwargs)`` once, as it is, on its own device, and reports what ran.

    The forward runs under ``torch.no_grad()``. The model, its buffers, the inputs and all random states are left as they were.

    Args:
        model: in the mode (train or eval) that it is in.
        *args: positional arguments of ``forward``.
        **kwargs: keyword arguments of ``forward``.

    Returns:
        The report. If ``forward`` raised, ``Report.error`` says why, and ``Report.ops`` lists what ran before.

    Raises:
        RunError: an inspection inside an inspection.
    """
    from modinspect.trace import trace

    return trace(model, args, kwargs)


def inspect_target(
    target: str,
    inputs: Sequence[str] = (),
    *,
    init: Mapping[str, object] | None = None,
    input_fn: str | None = None,
    device: str = "auto",
    dtype: str | None = None,
    train: bool = False,
    grad: bool = False,
    opaque: Sequence[str] = (),
    crosscheck: bool = True,
    arguments: Mapping[str, object] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Imports and builds a target, makes its inputs, runs it once and reports what ran, as ``modinspect show`` does.

    Args:
        target: ``pkg.mod.Class``, ``pkg.mod:Class`` or ``path/to/file.py:Class``, also with arguments.
        inputs: specs such as ``1,10`` or ``ids=1,128:int64``. With neither these nor ``input_fn`` the model is asked itself.
        init: further arguments of the constructor, by name.
        input_fn: ``pkg.mod:make``, a function that returns what ``forward`` is called with.
        device: ``auto`` (weightless on the CPU, real weights if that fails), ``weightless`` (no fallback),
            ``weightless:cuda`` (as if on a GPU), or a device for real weights: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: of parameters and floating inputs; parts of the model that set another keep it.
        train: run in train mode; eval mode is the default.
        grad: run with autograd, for models that differentiate inside ``forward``.
        opaque: globs of class paths that count as layers (``timm.layers.*``).
        crosscheck: let torchinfo watch the same forward.
        arguments: arguments of ``forward`` that aren't tensors, by name (``--arg``).
        progress: called with a few words on what is being done.

    Returns:
        The report. If ``forward`` raised, ``Report.error`` says why. Without an input, the registered half only.

    Raises:
        TargetError: the target could not be found, imported or built.
        InputError: an input could not be understood, read or made.
        RunError: the forward could not be run on that device.
    """
    from modinspect.session import Inspection, Request, inspect_recipe, open_target

    request = Request(target, tuple(inputs), input_fn, init or {}, device, dtype, arguments or {})
    with open_target(request, progress or _say_nothing) as recipe:
        return inspect_recipe(recipe, Inspection(train, grad, tuple(opaque), crosscheck))


def measure_memory(
    request: Request,
    *,
    optimizer: str = "adamw",
    autocast: str | None = None,
    checkpoint: Sequence[str] = (),
    limit: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> MemoryReport:
    """Estimates the GPU memory of inference and training, as ``modinspect memory`` does.

    Args:
        request: the target and its inputs.
        optimizer: ``sgd``, ``sgd-momentum``, ``adam``, ``adamw`` or ``none``.
        autocast: ``bfloat16`` or ``float16`` to run forward under ``torch.autocast``.
        checkpoint: globs of module paths whose activations are recomputed in backward; a star stands for one level.
        limit: bytes that training should fit in; the report then says whether it does, and what would.
        progress: called with a few words on what is being done.

    Returns:
        The report; all sizes are bytes.

    Raises:
        TargetError: the target could not be found, imported or built.
        InputError: an input could not be made.
        RunError: forward or backward raised.
    """
    import torch

    from modinspect.training import Training, measure_target

    dtype = None if autocast is None else getattr(torch, autocast)
    return measure_target(request, Training(optimizer, dtype, tuple(checkpoint)), limit=limit, tell=progress or _say_nothing)


def _say_nothing(_: str) -> None:
    pass
