"""Operators that take functions (``torch.cond``), under a dispatch mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modinspect.trace._torch.modes import TorchDispatchMode
from modinspect.trace._torch.operators import HigherOrderOperator
from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse(
        "torch._ops._higher_order_ops", "The table of such operators, each of which needs a rule for our mode.", until="2.8"
    ),
)

_ASKS_FOR_RULES = not hasattr(TorchDispatchMode, "supports_higher_order_operators")
"""Before torch 2.9 a mode sees only the operators that have a rule for its class."""


def see_higher_order_operators(mode: type[TorchDispatchMode]) -> None:
    """Gives each higher-order operator that exists by now a rule that calls ``mode``.

    Called for each inspection, as a model's file may have imported more of them.
    """
    if _ASKS_FOR_RULES:
        for operator in torch._ops._higher_order_ops.values():
            if mode not in operator.python_key_table:
                operator.py_impl(mode)(_rule(operator))


def _rule(operator: HigherOrderOperator) -> Callable[..., Any]:
    def run(mode: TorchDispatchMode, *args: Any, **kwargs: Any) -> Any:
        return mode.__torch_dispatch__(operator, (), args, kwargs)

    return run
