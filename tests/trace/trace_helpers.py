"""What the trace tests share: a report as lines that a person can check by hand, and an independent look at what ran."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import modinspect
from modinspect.report import Op, Report, Result

_SHORT = {"torch.nn.functional.": "F.", "torch.Tensor.": "Tensor."}


def line(op: Op) -> str:
    """``fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 3) flops=48``.

    First the owner (``.`` is the root, ``fc#1`` the second call of ``fc``), then ``hidden`` and the kind where it is not
    ``compute``. An operand that is written to has a ``!``, a single output no brackets of its own.
    """
    name = op.name
    for long, short in _SHORT.items():
        name = name.replace(long, short)
    operands = ", ".join(
        f"{operand.origin or '?'}{'!' if position in op.mutates else ''}" for position, operand in enumerate(op.inputs)
    )
    words = [
        (op.module or ".") + (f"#{op.call}" if op.call else ""),
        *(["hidden"] if op.hidden else []),
        *([op.kind] if op.kind != "compute" else []),
        f"{name}({operands})",
        "->",
        shapes(op.outputs),
        *([] if op.flops == 0 else [f"flops={'?' if op.flops is None else op.flops}"]),
    ]
    return " ".join(words)


def shapes(results: Iterable[Result]) -> str:
    """``(2, 3) (2,)``; ``-`` for nothing."""
    return " ".join("?" if result.shape is None else str(result.shape) for result in results) or "-"


def lines(report: Report) -> list[str]:
    """One line for each op."""
    return [line(op) for op in report.ops]


def calls(report: Report) -> list[str]:
    """``parent > module#call [start:stop]`` of each call of a module, in the order in which they began."""
    found = []
    for call in report.calls:
        parent = "" if call.parent is None else f"{report.calls[call.parent].module or '.'} > "
        found.append(f"{parent}{call.module or '.'}#{call.call} [{call.start}:{call.stop}]")
    return found


def unregistered(report: Report) -> list[str]:
    """``attribute tensor scale (3,) params=0``."""
    return [f"{u.role} {u.kind} {u.name} {u.shape} params={u.params}" for u in report.unregistered]


class AtenSeen(TorchDispatchMode):
    """Every ATen operator that runs inside, in order: an observer that shares no code with the engine."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen.append(str(func))
        return out


def inspect_and_watch(model: nn.Module, *args: Any, **kwargs: Any) -> tuple[Report, list[str]]:
    """(the report, the ATen operators that an independent mode around the inspection saw)."""
    with AtenSeen() as watcher:
        report = modinspect.inspect(model, *args, **kwargs)
    return report, watcher.seen


def without_detaches(operators: list[str]) -> list[str]:
    """``operators``; without detaches where torch (up to 2.9 at least) runs one more for each mode that watches."""
    with AtenSeen() as watcher:
        torch.ones(2).detach()
    once = watcher.seen.count("aten.detach.default") == 1
    return operators if once else [name for name in operators if name != "aten.detach.default"]


def attributed(report: Report) -> list[str]:
    """The ATen operators of all ops, in order."""
    return [aten for op in report.ops for aten in op.aten]


def bits(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    return (
        dense.dtype,
        tuple(dense.shape),
        dense.stride(),
        dense.storage_offset(),
        dense.detach().clone().contiguous().numpy().tobytes(),
    )


def photograph_of_process() -> dict[str, Any]:
    """Random states and settings of torch, numpy and Python, copied without the engine."""
    photo: dict[str, Any] = {}
    photo["torch"] = (
        bits(torch.get_rng_state()),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.get_float32_matmul_precision(),
        torch.get_deterministic_debug_mode(),
        torch.is_anomaly_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.backends.cudnn.benchmark,
        torch.backends.cuda.flash_sdp_enabled(),
        torch.is_warn_always_enabled(),
        str(torch._C._dispatch_tls_local_exclude_set()),
        str(torch._C._dispatch_tls_local_include_set()),
    )
    kind, keys, *rest = np.random.get_state()
    photo["numpy"] = (kind, np.asarray(keys).tobytes(), rest, np.geterr())
    photo["python"] = (random.getstate(), list(sys.path), list(warnings.filters), sys.getrecursionlimit())
    return photo


class Calls(nn.Module):
    """A model whose ``forward`` is any function."""

    def __init__(self, function: Any, **registered: Any) -> None:
        super().__init__()
        for name, value in registered.items():
            setattr(self, name, value)
        self._function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)
