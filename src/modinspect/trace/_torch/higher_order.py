"""Operators that take functions (``torch.cond``), under a dispatch mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

_ASKS_FOR_RULES = not hasattr(TorchDispatchMode, "supports_higher_order_operators")
"""torch before 2.9 gives them to no mode, unless each has a rule for the class of the mode."""


def see_higher_order_operators(mode: type[TorchDispatchMode]) -> None:
    """Has all that are there by now go to ``mode``: a file of a model's may have imported some more."""
    if _ASKS_FOR_RULES:
        for operator in torch._ops._higher_order_ops.values():
            if mode not in operator.python_key_table:
                operator.py_impl(mode)(_rule(operator))


def _rule(operator: HigherOrderOperator) -> Callable[..., Any]:
    def run(mode: TorchDispatchMode, *args: Any, **kwargs: Any) -> Any:
        return mode.__torch_dispatch__(operator, (), args, kwargs)

    return run
