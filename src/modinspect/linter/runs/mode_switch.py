"""Switching a model's mode by its own methods, which may rewrite its weights: a merged LoRA does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from modinspect.linter.rule import Undecided
from modinspect.registered import switch_mode
from modinspect.trace import EXPOSES, SET_DATA, AtenMode, Preserved, operands_of, saved_modes, walk
from modinspect.usercode import describe

Switch: TypeAlias = Callable[[Literal["train", "eval"]], None]


@contextmanager
def switching(model: nn.Module) -> Iterator[Switch]:
    """Gives what calls ``model.train()`` or ``model.eval()``; in the end whatever they changed is put back.

    What it gives raises :class:`Undecided` where the model's own method raises.
    """
    modules = [module for _, module in walk(model)]
    put_modes_back = saved_modes(modules)
    preserved = Preserved(modules)

    def switch(to: Literal["train", "eval"]) -> None:
        try:
            with AtenMode(_Writes(preserved)), _Exposures(preserved):
                switch_mode(model, to)
        except Exception as error:
            raise Undecided(f"model.{to}() raised {describe(error)}") from error

    try:
        yield switch
    finally:
        preserved.restore()
        put_modes_back()


def registered(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Each module once, under its first path."""
    seen: set[int] = set()
    for path, module in walk(model):
        if id(module) not in seen:
            seen.add(id(module))
            yield path, module


class _Writes:
    """Saves what an operator is about to write to."""

    def __init__(self, preserved: Preserved) -> None:
        self._preserved = preserved

    def on_operator(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, written: list[Tensor]) -> None:
        """An operator ran: what it wrote to was saved before."""

    def on_operator_error(self, func: Any, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """An operator raised."""

    def before_write(self, tensor: Tensor) -> None:
        """An operator is about to write to ``tensor``."""
        self._preserved.before_write(tensor)


class _Exposures(TorchFunctionMode):
    """Saves what no operator tells of: a tensor that gets other memory (``weight.data = ...``), or that numpy may write to."""

    def __init__(self, preserved: Preserved) -> None:
        super().__init__()
        self._preserved = preserved

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func == SET_DATA:
            self._preserved.before_set_data(args[0])
        elif func in EXPOSES:
            for _, tensor in operands_of(args, kwargs):
                self._preserved.before_write(tensor)
        return func(*args, **kwargs)
