"""One inspection: saves the model, runs the forward under a recorder, restores the model and builds the report."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from traceback import walk_tb
from types import GeneratorType
from typing import Any

import torch
from torch import Tensor, nn

from modinspect.errors import RunError
from modinspect.report import Execution, Input, ModelInfo, Report
from modinspect.trace._torch import PRINTS_TENSOR, DisableTorchFunctionSubclass, eagerly
from modinspect.trace.assemble import ReportBuilder, describe_error, graph_input_texts, origin_text
from modinspect.trace.capture import Recorder
from modinspect.trace.model import (
    Layers,
    Registry,
    TensorMetaTable,
    class_path,
    dtype_name,
    flatten_all,
    mode_of,
    other_values,
    register,
    shape_of,
    summarize,
)
from modinspect.trace.restore import Preserved
from modinspect.trace.weightless import NeedsValues, ReplacedParameters, WeightlessMode, WeightlessRecorder

ENDS_COPIES: set[int] = set()
"""Ids of processes whose forked children exit when they return from a forward. Otherwise a child that the model forked would go
on with the parent's work."""


def end_copies() -> None:
    """From now on, children that a forward forks exit when they return from it."""
    ENDS_COPIES.add(os.getpid())


def end_copy(process: int) -> None:
    """Exits in a forked child of the model's; ``process`` is the process that began the forward."""
    if process in ENDS_COPIES and os.getpid() != process:
        os._exit(0)


_MOST_ITEMS = 1000
"""So many items of a ``forward`` that is a generator are taken: it may not end."""

_FRAMES_A_MODULE = 12
"""Frames that one level of nested modules takes at most, hooks included."""

_TIMES_DEEPER = 4
"""A module that calls itself takes three frames per level by itself, and up to twelve under the recorder."""

_RECORDS = 10_000
"""Objects that may be made between two runs of the garbage collector: the records of some hundred ops."""


@dataclass(frozen=True)
class Weightless:
    """To run without memory: where the model would be, and what :func:`without_memory` gave when it was built.

    ``moved`` are further tensors that would be there, which nothing registers.
    """

    device: torch.device
    replaced: ReplacedParameters
    moved: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Options:
    """How to run; see :func:`modinspect.trace.trace`."""

    target: str | None
    grad: bool
    opaque: tuple[str, ...]
    notes: tuple[str, ...]
    observer: Callable[[nn.Module], AbstractContextManager[Any]]
    progress: Callable[[str, int], None] | None
    weightless: Weightless | None


@contextmanager
def _quick_collections() -> Iterator[None]:
    """Exempts existing objects from garbage collection, as torch has many, and makes collections rarer."""
    if gc.get_freeze_count():  # someone else has frozen objects
        yield
        return
    thresholds = gc.get_threshold()
    gc.freeze()
    if thresholds[0]:
        gc.set_threshold(max(thresholds[0], _RECORDS), *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@_quick_collections()
def run(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: Options) -> Report:
    """Runs the forward and reports; restores model and process whatever happens.

    Args:
        model: to run
        args: positional arguments
        kwargs: arguments by name
        options: of the run
    """
    metas, layers = TensorMetaTable(), Layers(options.opaque)
    registry = register(model, metas)
    was_lazy = _is_lazy(registry)
    if was_lazy:
        model = _copied(model, registry)
        registry = register(model, metas)
    weightless = options.weightless
    device = str(weightless.device) if weightless is not None else None
    with DisableTorchFunctionSubclass():  # a tensor class of the user's need not notice
        preserved = Preserved(registry.modules.values())
        preserved.add_value([*args, *kwargs.values()])
        inputs = list(_inputs(model, args, kwargs))
        recorder, mode = _recorder(registry, preserved, metas, layers, [tensor for _, tensor in inputs], options)
        data = tuple(Input(name, shape_of(tensor), dtype_name(tensor.dtype)) for name, tensor in inputs)
        others = tuple(other for name, value in _arguments(model, args, kwargs) for other in other_values(value, name))
    training = mode_of(model)

    def report(error: BaseException | None) -> Report:
        summary = summarize(registry, metas, layers, device)
        execution: Execution = "real" if weightless is None else "weightless"
        notes = (*options.notes, *_notes_on(registry), *_notes_after(recorder))
        info = ModelInfo(options.target or class_path(model), type(model).__name__, training, summary.device, execution, notes)
        recording = recorder.recorded()
        builder = partial(ReportBuilder, device=summary.device, aliases=() if weightless is None else ("meta",))
        if error is not None:
            return builder(recording).report(
                summary,
                info,
                data,
                others,
                describe_error(error, recorder, partial(origin_text, graph_inputs=graph_input_texts(recording))),
            )
        make = _quick_collections()(lambda: builder(recording).report(summary, info, data, others))
        return Report.made_later(make, model=info, inputs=data)

    process = os.getpid()
    try:
        error = _run(model, args, kwargs, recorder, mode, options)
        end_copy(process)
        if isinstance(recorder, WeightlessRecorder):
            recorder.check(error)
        if was_lazy or recorder.provenance.model_changed:  # the report needs the model as it is now, before it is restored
            registry = register(model, metas)
            return report(error)
    finally:
        preserved.restore()
    try:
        return report(error)
    finally:
        del error  # its traceback holds this frame: activations would wait for the garbage collector


def _recorder(
    registry: Registry, preserved: Preserved, metas: TensorMetaTable, layers: Layers, inputs: Sequence[Tensor], options: Options
) -> tuple[Recorder, AbstractContextManager[Any]]:
    """The recorder, and the mode that the forward runs under."""
    mode: AbstractContextManager[Any]
    if options.weightless is None:
        recorder, mode = Recorder(registry, preserved, metas, layers, progress=options.progress), nullcontext()
    else:
        mode = WeightlessMode(options.weightless.device)
        moved = [*inputs, *options.weightless.moved]
        recorder = WeightlessRecorder(
            mode, options.weightless.replaced, moved, registry, preserved, metas, layers, progress=options.progress
        )
    for index, tensor in enumerate(inputs):
        recorder.add_input(tensor, f"input:{index}")
    return recorder, mode


def _run(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    recorder: Recorder,
    mode: AbstractContextManager[Any],
    options: Options,
) -> BaseException | None:
    """Runs the forward under the recorder; gives the exception that it raised."""
    try:
        with ExitStack() as stack:
            stack.enter_context(_room_for(recorder.registry))
            stack.enter_context(_fastpath_off())
            stack.enter_context(eagerly())
            stack.enter_context(torch.set_grad_enabled(options.grad))
            stack.enter_context(options.observer(model))
            stack.enter_context(mode)
            stack.enter_context(recorder.recording(model, _call.__code__))
            result = _call(model, args, kwargs)
            recorder.finish(result)
            recorder.items = len(result) if isinstance(result, _Items) else None
    except BaseException as error:  # sys.exit() and errors of asyncio's among them
        _end_printing(error)
        if isinstance(error, (KeyboardInterrupt, NeedsValues)) or not recorder.modules.calls:  # or nothing of the model has run
            raise
        return error
    return None


def _end_printing(error: BaseException) -> None:
    """Clears the frames in which torch was printing a tensor when ``error`` was raised.

    A local variable there keeps transforms (``torch.func``) disabled. While the traceback is alive, their gradients are zero.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += (one.__cause__, one.__context__)
        for frame, _ in walk_tb(one.__traceback__):
            if frame.f_code is PRINTS_TENSOR:
                frame.clear()


def _call(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The edge between modinspect and the model: sources are never looked for in frames outside of this one."""
    result = model(*args, **kwargs)
    return _Items(islice(result, _MOST_ITEMS)) if isinstance(result, GeneratorType) else result


class _Items(list[Any]):
    """The items of a ``forward`` that is a generator, whose code runs while they are taken."""


def _inputs(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of each tensor that ``forward`` gets, named after its parameters."""
    for name, value in _arguments(model, args, kwargs):
        yield from flatten_all(value, name)


def _arguments(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, value) of the arguments of ``forward``."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for index, value in enumerate(args):
        yield _argument(parameters, index), value
    yield from kwargs.items()


def _argument(parameters: list[inspect.Parameter], index: int) -> str:
    for position, parameter in enumerate(parameters):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            return f"{parameter.name}.{index - position}"
        if position == index:
            return parameter.name
    return str(index)


def _is_lazy(registry: Registry) -> bool:
    return any(map(nn.parameter.is_lazy, [*registry.parameters.values(), *registry.buffers.values()]))


def _copied(model: nn.Module, registry: Registry) -> nn.Module:
    """Copies a lazy module, as it becomes another one when it runs. Lazy parameters have no memory to copy."""
    tensors = [*registry.parameters.values(), *registry.buffers.values()]
    # Tensors with memory are shared with the copy. A lazy buffer can't copy itself.
    memo = {id(tensor): _unmade_again(tensor) if nn.parameter.is_lazy(tensor) else tensor for tensor in tensors}
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise RunError(
            f"{type(model).__name__} has lazy modules, which a forward turns into others, and can't be copied: {error}",
            "Run it once yourself before inspecting it, so that its lazy modules are made.",
        ) from error


def _unmade_again(tensor: Tensor) -> Tensor:
    kind: Any = type(tensor)
    unmade: Tensor = kind(requires_grad=tensor.requires_grad, device=tensor.device, dtype=tensor.dtype)
    return unmade


def _notes_on(registry: Registry) -> Iterator[str]:
    """Notes on modules that run otherwise than usual, or inside of which little can be recorded."""
    for path, module in registry.modules.items():
        name = path or type(module).__name__
        if isinstance(module, torch.jit.ScriptModule):
            above = path.rpartition(".")[0]
            if not path or not isinstance(registry.modules.get(above), torch.jit.ScriptModule):
                yield f"{name} is a scripted or traced module: inside it only ATen operators can be seen"
        elif type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None:
            yield f"{name} is compiled: it ran uncompiled, so that its inside can be seen"


def _notes_after(recorder: Recorder) -> Iterator[str]:
    """What is special about the run."""
    if recorder.items is not None:
        first = "first " if recorder.items == _MOST_ITEMS else ""
        yield f"forward is a generator: its {first}{recorder.items} items are the outputs"
    if recorder.modules.other_thread_modules:
        yield f"{', '.join(recorder.modules.other_thread_modules)} ran in another thread: its ops can't be seen there"


@contextmanager
def _room_for(registry: Registry) -> Iterator[None]:
    """Raises the recursion limit: the recorder adds frames to each level of nested or recursive modules."""
    deepest = 1 + max([path.count(".") for path in registry.modules])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_TIMES_DEEPER * limit + _FRAMES_A_MODULE * deepest)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@contextmanager
def _fastpath_off() -> Iterator[None]:
    """Disables the fused path of transformer layers in eval mode, which runs none of their children."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
