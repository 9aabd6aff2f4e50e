"""The engine: runs one forward and reports what ran.

:func:`trace` does that, and :func:`survey` reports the registered half if there is no input to run on. ``session`` also takes
from here how models are built without memory and how the process is restored. The linter runs models under recorders of its own
and takes from here how to walk modules, flatten values, name functions, find sources and restore what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import nn

from modinspect.report import Execution, ModelInfo, Report, Totals
from modinspect.trace._torch import (
    DisableTorchDispatch,
    DisableTorchFunction,
    TorchDispatchMode,
    current_autograd_node,
    is_inside_function,
    storage_of,
    without_dispatch_modes,
)
from modinspect.trace.capture import (
    EDGE,
    EXPOSES,
    NOWHERE,
    SET_DATA,
    SILENT,
    AtenMode,
    SourceRef,
    Sources,
    operands_of,
    public_name,
)
from modinspect.trace.inspection_lock import InspectionLock
from modinspect.trace.model import (
    Layers,
    TensorMetaTable,
    attributes,
    check_modules,
    class_path,
    flatten,
    flatten_all,
    mode_of,
    register,
    saved_modes,
    shape_of,
    summarize,
    walk,
)
from modinspect.trace.restore import Preserved, preserved_process
from modinspect.trace.run import Options, Weightless, end_copies, end_copy, run
from modinspect.trace.weightless import NeedsValues, ReplacedParameters, WeightlessMode, within, without_memory

__all__ = [
    "EDGE",
    "EXPOSES",
    "NOWHERE",
    "SET_DATA",
    "SILENT",
    "AtenMode",
    "DisableTorchDispatch",
    "DisableTorchFunction",
    "NeedsValues",
    "Preserved",
    "ReplacedParameters",
    "SourceRef",
    "Sources",
    "TorchDispatchMode",
    "Weightless",
    "WeightlessMode",
    "attributes",
    "check_modules",
    "class_path",
    "current_autograd_node",
    "end_copies",
    "end_copy",
    "flatten",
    "flatten_all",
    "is_inside_function",
    "mode_of",
    "operands_of",
    "preserved_process",
    "public_name",
    "saved_modes",
    "shape_of",
    "storage_of",
    "survey",
    "target_lock",
    "trace",
    "walk",
    "within",
    "without_dispatch_modes",
    "without_memory",
]

_INSPECTIONS = InspectionLock(
    "modinspect.inspect() was called inside a forward that is being inspected",
    "Inspect the inner model by itself, outside the outer model's forward.",
)
"""Patches, random states and torch's settings are global, so only one thread inspects at a time."""


_TARGETS = InspectionLock(
    "modinspect.inspect_target() was called by a thread of a model that is being inspected",
    "Inspect the inner model by itself, after the outer one.",
    reentrant=True,
)
"""``sys.path`` and, while a model is built, ``nn.Module`` are global, too."""


def target_lock() -> AbstractContextManager[None]:
    """Lets one thread at a time import, build and run a target.

    Raises:
        RunError: this thread was started by a target that holds the lock, and that may be waiting for the thread.
    """
    return _TARGETS.held()


def survey(
    model: nn.Module,
    *,
    target: str | None = None,
    opaque: Sequence[str] = (),
    notes: Sequence[str] = (),
    weightless: Weightless | None = None,
) -> Report:
    """The report of a model that is not run: registered modules, parameters and buffers. Arguments as in :func:`trace`.

    Args:
        model: to describe
        target: its name in the report
        opaque: globs of classes that count as layers
        notes: to begin with
        weightless: the mode that built it without memory, if one did
    """
    metas = TensorMetaTable()
    device = None if weightless is None else str(weightless.device)
    summary = summarize(register(model, metas), metas, Layers(opaque), device)
    execution: Execution = "real" if weightless is None else "weightless"
    info = ModelInfo(target or class_path(model), type(model).__name__, mode_of(model), summary.device, execution, tuple(notes))
    size = summary.size
    totals = Totals(size.numel, size.trainable, size.bytes, summary.buffer_bytes, 0, 0, 0, 0, 0)
    return Report(info, (), (), summary.modules(), (), (), totals, None, (), summary.parameters(), summary.buffers())


def trace(
    model: nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | None = None,
    grad: bool = False,
    opaque: Sequence[str] = (),
    notes: Sequence[str] = (),
    observer: Callable[[nn.Module], AbstractContextManager[Any]] | None = None,
    progress: Callable[[str, int], None] | None = None,
    weightless: Weightless | None = None,
) -> Report:
    """Runs ``model(*args, **kwargs)`` once and reports what ran. Model, inputs and process are left unchanged.

    Args:
        model: run in the mode (train or eval) that it is in, on the device that it is on.
        args: positional arguments of ``forward``.
        kwargs: keyword arguments of ``forward``.
        target: the name of the model in the report; by default its class.
        grad: run with autograd, for models that differentiate inside ``forward``.
        opaque: globs of class paths that count as layers (``timm.layers.*``).
        notes: come before the run's own notes in the report.
        observer: gets the model that runs (a copy if it has lazy modules) and returns a context manager, which is entered
            around the forward.
        progress: called with (path, modules started so far) whenever a module starts.
        weightless: run without memory; ``None`` for a real run.

    Returns:
        The report. If ``forward`` raised, the exception is in ``Report.error`` and the ops before it are in ``Report.ops``.

    Raises:
        RunError: this thread is inspecting already, or a lazy model can't be copied.
        NeedsValues: a run without memory needed the values of a tensor.
    """
    with _INSPECTIONS.held():
        options = Options(target, grad, tuple(opaque), tuple(notes), observer or nullcontext, progress, weightless)
        return run(model, tuple(args), dict(kwargs or {}), options)
