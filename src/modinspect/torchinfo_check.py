"""Cross-checks the counts with torchinfo, in the same forward that modinspect watches.

This is the only file that imports torchinfo. It never changes the run: errors of torchinfo's end up in
:attr:`modinspect.report.CrossCheck.note`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from modinspect.report import CrossCheck
from modinspect.trace import DisableTorchDispatch, DisableTorchFunction
from modinspect.usercode import said

if TYPE_CHECKING:
    from torchinfo.layer_info import LayerInfo

MAX_DEPTH = 100
MAX_PATHS = 100_000
"""torchinfo walks every path to every module and lists all parameters below each again. Models nested deeper than this,
or whose shared modules can be reached in more ways, are skipped."""


class TorchinfoCheck:
    """Lets torchinfo watch the forward that runs inside the ``with`` block.

        with TorchinfoCheck().watch(model) as check:
            model(x)
        check.result()

    torchinfo's own hooks do the counting, so the totals equal those of a separate ``torchinfo.summary``. The hooks run with all
    modes off, keep no tensor, and never raise into the forward.
    """

    _model: nn.Module

    def __init__(self) -> None:
        self._handles: list[RemovableHandle] = []
        self._hooks: dict[int, Callable[..., None]] = {}
        self._layers: list[LayerInfo] = []
        self._result: CrossCheck | None = None

    def watch(self, model: nn.Module) -> TorchinfoCheck:
        """Sets the model that is about to run; the check itself is the context manager."""
        self._model = model
        return self

    def __enter__(self) -> TorchinfoCheck:
        refusal = _refusal(self._model)
        if refusal:
            self._result = _without_numbers(refusal)
            return self
        first = RemovableHandle.next_id
        try:
            self._install()
        except BaseException as error:  # the model's code may raise anything when it is asked for an attribute
            _remove_hooks_since(first, self._model)
            if isinstance(error, KeyboardInterrupt):
                raise
            self._fail(error, self._model)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()
        if kind is not None:
            self._result = self._result or _without_numbers("the forward did not finish")
        if self._result is None:
            try:
                self._result = _totals(self._layers)
            except KeyboardInterrupt:
                raise
            except BaseException as failure:
                self._fail(failure, self._model)
        del self._model, self._handles, self._hooks, self._layers  # a hook that was copied with its module must not keep them

    def result(self) -> CrossCheck:
        """What torchinfo counted, or why it counted nothing."""
        return self._result or _without_numbers("no forward was run")

    def _install(self) -> None:
        from torchinfo.torchinfo import apply_hooks

        with DisableTorchFunction(), DisableTorchDispatch():
            self._layers, _, pairs = apply_hooks(type(self._model).__name__, self._model, (), None)
        for before, after in pairs.values():
            self._guard(before, self._count_parameters)
            self._guard(after, self._count_outputs)

    def _guard(self, handle: RemovableHandle, count: Callable[..., None]) -> None:
        """Puts a hook in the place of torchinfo's that raises nothing and is seen by no mode.

        It knows its hook by number alone: a copy of a module, which the forward may make and keep, then keeps nothing else.
        """
        registered: dict[int, Callable[..., None]] = handle.hooks_dict_ref() or {}
        key = handle.id
        self._hooks[key] = registered[key]
        self._handles.append(handle)
        registered[key] = _Hook(self, key, count)

    def _count_parameters(self, hook: Callable[..., None], module: nn.Module, inputs: object) -> None:
        hook(module, inputs)
        layer = self._layers[-1]
        if not layer.is_leaf_layer:  # a container's own mult-adds go into no total, and take most of torchinfo's time
            layer.calculate_macs = _nothing  # type: ignore[method-assign]

    def _count_outputs(self, hook: Callable[..., None], module: nn.Module, inputs: object, outputs: object) -> None:
        hook(module, inputs, _as_torchinfo_takes_it(outputs))

    def _fail(self, error: BaseException, module: nn.Module) -> None:
        self._result = _without_numbers(f"it failed at {type(module).__name__} ({_in_short(error)})")


class _Hook:
    """A hook in the place of torchinfo's. In a copy of its module it does nothing: a forward may pickle and save modules.

    It calls ``count`` from its own frame: one more could be the one too many where the model's forward is nested deeply.
    """

    def __init__(self, check: TorchinfoCheck | None, key: int, count: Callable[..., None]) -> None:
        self._check = check
        self._key = key
        self._count = count

    def __call__(self, module: nn.Module, *values: Any) -> None:
        check = self._check
        if check is None or check._result is not None:
            return
        try:
            with DisableTorchFunction(), DisableTorchDispatch():
                self._count(check._hooks[self._key], module, *values)
        except RecursionError:  # the model's, which the next call of its own will meet; no call can be made here
            check._result = _TOO_DEEP
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            check._fail(error, module)

    def __reduce__(self) -> tuple[type[_Hook], tuple[None, int, Callable[..., None]]]:
        return _Hook, (None, 0, _nothing)


def _refusal(model: nn.Module) -> str | None:
    """Why torchinfo is not asked about ``model``: it would not come back, or not soon."""
    paths = 0
    stack = [(model, 0)]
    while stack:
        module, depth = stack.pop()
        paths += 1
        if depth > MAX_DEPTH:
            return f"not asked, as modules are nested more than {MAX_DEPTH} deep"
        if paths > MAX_PATHS:
            return f"not asked, as shared modules can be reached in more than {MAX_PATHS:,} ways"
        stack += [(child, depth + 1) for child in module._modules.values() if child is not None]
    return None


def _totals(layers: list[LayerInfo]) -> CrossCheck:
    """The totals of ``torchinfo.summary``, which takes these steps after its forward."""
    from torchinfo import ModelStatistics
    from torchinfo.enums import Verbosity
    from torchinfo.formatting import FormattingOptions
    from torchinfo.torchinfo import (
        DEFAULT_COLUMN_NAMES,
        DEFAULT_ROW_SETTINGS,
        add_missing_container_layers,
        set_children_layers,
    )

    add_missing_container_layers(layers)
    set_children_layers(layers)
    _settle_leftovers(layers)
    formatting = FormattingOptions(3, Verbosity.QUIET, DEFAULT_COLUMN_NAMES, 25, DEFAULT_ROW_SETTINGS)
    statistics = ModelStatistics(layers, [], 0, formatting)
    return CrossCheck(
        version=_version(),
        params=statistics.total_params,
        trainable_params=statistics.trainable_params,
        mult_adds=statistics.total_mult_adds,
        layers=sum(layer.is_leaf_layer for layer in layers),
    )


def _settle_leftovers(layers: list[LayerInfo]) -> None:
    """Has each layer's leftover parameters counted once.

    torchinfo counts those of all descendants anew at each level, in a time exponential in the depth. Descendants stand after
    their ancestors, so from the end each layer finds those below it settled.
    """
    for layer in reversed(layers):
        layer.leftover_params = _constant(layer.leftover_params())  # type: ignore[method-assign]
        layer.leftover_trainable_params = _constant(layer.leftover_trainable_params())  # type: ignore[method-assign]


def _as_torchinfo_takes_it(outputs: object) -> object:
    """A dataclass as a dictionary of its fields: torchinfo raises at other containers, and prints them whole in its error."""
    if is_dataclass(outputs) and not isinstance(outputs, (type, dict, list, tuple, torch.Tensor)):
        return {name: getattr(outputs, name, None) for name in (field.name for field in fields(outputs))}
    return outputs


def _remove_hooks_since(first: int, model: nn.Module) -> None:
    """Removes the hooks of a half-done installation, whose handles are lost."""
    waiting, seen = [model], {id(model)}
    while waiting:
        module = waiting.pop()
        for name in ("_forward_pre_hooks", "_forward_hooks"):
            registered = vars(module).get(name, {})  # a module may lack them, or have a __getattr__ that raises
            for key in [key for key in registered if key >= first]:
                del registered[key]
        children = [child for child in module._modules.values() if child is not None and id(child) not in seen]
        seen.update(map(id, children))
        waiting += children


def _in_short(error: BaseException) -> str:
    """The error without the values, addresses and ids that torchinfo puts behind a colon or into a ``KeyError``."""
    text = "" if isinstance(error, KeyError) else said(error).split(":", 1)[0].split("\n", 1)[0]
    return f"{type(error).__name__}: {text[:100]}" if text else type(error).__name__


def _constant(value: int) -> Callable[[], int]:
    return lambda: value


def _nothing(*_: Any) -> None: ...


def _version() -> str:
    try:
        return version("torchinfo")
    except PackageNotFoundError:
        return ""


def _without_numbers(note: str) -> CrossCheck:
    return CrossCheck(version=_version(), params=None, trainable_params=None, mult_adds=None, layers=None, note=note)


_TOO_DEEP = _without_numbers("the forward is nested too deeply")
