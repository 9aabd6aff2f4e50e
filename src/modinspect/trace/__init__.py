"""The engine: runs one forward and reports what ran.

:func:`trace` is all that the rest of modinspect uses, and :func:`survey` where there is no input to run on.
"""

from __future__ import annotations

import copy
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from modinspect.errors import RunError
from modinspect.report import Input, ModelInfo, Report
from modinspect.trace.build import Ran, build_report
from modinspect.trace.half import registered_half
from modinspect.trace.preserve import Preserved
from modinspect.trace.recorder import Recorder
from modinspect.trace.registry import Registry, class_path, register
from modinspect.trace.tensors import dtype_name, flatten, shape_of

__all__ = ["survey", "trace"]

_ONE_AT_A_TIME = threading.Lock()
"""Hooks, random states and torch's settings belong to the process: inspections in several threads take turns."""

_OWNER = threading.local()

_FRAMES_A_MODULE = 12
"""Frames that one level of nested modules takes at the most, with hooks."""


def survey(model: nn.Module, *, target: str | None = None, opaque: Sequence[str] = (), notes: Sequence[str] = ()) -> Report:
    """The registered half alone, without running anything."""
    half = registered_half(register(model), opaque)
    info = ModelInfo(target or class_path(model), type(model).__name__, model.training, half.device, "real", tuple(notes))
    return Report(info, (), (), half.modules, (), (), half.totals, None, (), half.parameters, half.buffers)


def trace(
    model: nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | None = None,
    grad: bool = False,
    opaque: Sequence[str] = (),
    notes: Sequence[str] = (),
    observer: AbstractContextManager[Any] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """Runs ``model(*args, **kwargs)`` once and reports what ran; model, inputs and process are left as they were.

    Args:
        model: run in the mode (train or eval) that it is in, on the device that it is on.
        args: positional arguments of ``forward``.
        kwargs: keyword arguments of ``forward``.
        target: what the report calls the model; its class if ``None``.
        grad: run with autograd, for models that differentiate inside ``forward``.
        opaque: globs of class paths that count as layers (``timm.layers.*``).
        notes: said in the report before those of the run.
        observer: entered around the forward.
        progress: told which module begins, as (path, modules begun so far).

    Returns:
        The report. If ``forward`` raised, ``Report.error`` says what, and what ran before it stands in ``Report.ops``.

    Raises:
        RunError: an inspection inside an inspection, or a lazy model that can't be copied.
    """
    if getattr(_OWNER, "busy", False):
        raise RunError(
            "modinspect.inspect() was called inside a forward that is being inspected",
            "Inspect the inner model by itself, outside of the outer one's forward.",
        )
    with _ONE_AT_A_TIME:
        _OWNER.busy = True
        try:
            run = _Run(model, tuple(args), dict(kwargs or {}), tuple(opaque), list(notes))
            return run.report(target, observer or nullcontext(), progress, grad=grad)
        finally:
            _OWNER.busy = False


class _Run:
    """One forward, from the survey before it to the report after it."""

    def __init__(
        self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], opaque: tuple[str, ...], notes: list[str]
    ) -> None:
        self.model = _copy_if_lazy(model)
        self.args = args
        self.kwargs = kwargs
        self.opaque = opaque
        self.notes = notes
        self.registry = register(self.model)

    def report(
        self, target: str | None, observer: AbstractContextManager[Any], progress: Callable[[str, int], None] | None, *, grad: bool
    ) -> Report:
        registry, model = self.registry, self.model
        half = registered_half(registry, self.opaque)
        info = ModelInfo(target or class_path(model), type(model).__name__, model.training, half.device, "real")
        inputs = list(_inputs(model, self.args, self.kwargs))
        preserved = Preserved(registry.modules.values(), [*registry.parameters.values(), *registry.buffers.values()])
        recorder = Recorder(registry, preserved, opaque=self.opaque, progress=progress)
        for index, (_, tensor) in enumerate(inputs):
            recorder.add_input(tensor, f"input:{index}")
        self.notes += _notes_on(registry)
        data = tuple(Input(name, shape_of(tensor), dtype_name(tensor.dtype)) for name, tensor in inputs)
        try:
            error = self._run(recorder, observer, grad=grad)
            if _is_lazy(registry):
                half = registered_half(registry, self.opaque)
            return build_report(half, recorder, Ran(info, data, error, tuple(self.notes)))
        finally:
            preserved.restore()

    def _run(self, recorder: Recorder, observer: AbstractContextManager[Any], *, grad: bool) -> BaseException | None:
        """Runs the forward under the recorder; gives the exception that it raised."""
        with ExitStack() as stack:
            stack.enter_context(_room_for(self.registry))
            stack.enter_context(_fastpath_off())
            stack.enter_context(_eagerly())
            stack.enter_context(torch.set_grad_enabled(grad))
            stack.enter_context(observer)
            stack.enter_context(recorder.recording(self.model, _call.__code__))
            try:
                recorder.finish(_call(self.model, self.args, self.kwargs))
            except (Exception, SystemExit) as error:
                return error
        return None


def _call(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The edge between modinspect and the model: frames outside of this one are nobody's business."""
    return model(*args, **kwargs)


def _inputs(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of each tensor handed to ``forward``, named after its arguments."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for index, value in enumerate(args):
        yield from flatten(value, _argument(parameters, index))
    for name, value in kwargs.items():
        yield from flatten(value, name)


def _argument(parameters: list[inspect.Parameter], index: int) -> str:
    for position, parameter in enumerate(parameters):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            return f"{parameter.name}.{index - position}"
        if position == index:
            return parameter.name
    return str(index)


def _is_lazy(registry: Registry) -> bool:
    return any(nn.parameter.is_lazy(tensor) for tensor in [*registry.parameters.values(), *registry.buffers.values()])


def _copy_if_lazy(model: nn.Module) -> nn.Module:
    """A lazy module becomes another one when it runs, so a copy is run; what is lazy has no memory that copying would cost."""
    registry = register(model)
    if not _is_lazy(registry):
        return model
    tensors = [*registry.parameters.values(), *registry.buffers.values()]
    # What has memory is shared with the copy; a lazy buffer does not know how to copy itself.
    memo = {id(tensor): _unmade_again(tensor) if nn.parameter.is_lazy(tensor) else tensor for tensor in tensors}
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise RunError(
            f"{type(model).__name__} has lazy modules, which a forward turns into others, and can't be copied: {error}",
            "Run it once yourself before inspecting it, so that its lazy modules are made.",
        ) from error


def _unmade_again(tensor: Tensor) -> Tensor:
    return type(tensor)(requires_grad=tensor.requires_grad, device=tensor.device, dtype=tensor.dtype)


def _notes_on(registry: Registry) -> Iterator[str]:
    """What of the model can't be seen as it would run by itself."""
    for path, module in registry.modules.items():
        name = path or type(module).__name__
        if isinstance(module, torch.jit.ScriptModule):
            above = path.rpartition(".")[0]
            if not path or not isinstance(registry.modules.get(above), torch.jit.ScriptModule):
                yield f"{name} is a scripted or traced module: inside it only ATen operators can be seen"
        elif type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None:
            yield f"{name} is compiled: it ran uncompiled, so that its inside can be seen"


@contextmanager
def _room_for(registry: Registry) -> Iterator[None]:
    """Lets deeply nested modules run: hooks add frames that the model alone does not need."""
    deepest = max(path.count(".") + 1 for path in registry.modules)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + _FRAMES_A_MODULE * deepest)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@contextmanager
def _fastpath_off() -> Iterator[None]:
    """Transformer layers have a fused path in eval mode that runs none of their children."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _eagerly() -> AbstractContextManager[Any]:
    """Compiled code runs as the Python that it was, so that it can be seen. Nothing is to be done where nothing is compiled."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


