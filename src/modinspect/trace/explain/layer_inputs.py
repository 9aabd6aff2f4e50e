"""Sentences on layers that refuse their input before they call an op."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from modinspect.report import Call, Op
from modinspect.trace.explain.failed_call import came_from, tuple_text

_DIMENSIONS: dict[type[nn.Module], tuple[int, ...]] = {
    nn.RNNBase: (2, 3),
    nn.BatchNorm1d: (2, 3),
    nn.BatchNorm2d: (4,),
    nn.BatchNorm3d: (5,),
    nn.InstanceNorm1d: (2, 3),
    nn.InstanceNorm2d: (3, 4),
    nn.InstanceNorm3d: (4, 5),
}


def explain_call(module: nn.Module, call: Call, message: str, before: Sequence[Op]) -> str | None:
    """One sentence on why a layer refused its input; ``None`` if no reason is plain.

    Args:
        module: the layer.
        call: its call.
        message: what the exception said.
        before: the ops that ran before.
    """
    if not call.inputs:
        return None
    x = call.inputs[0]
    name = call.module or type(module).__name__
    if len(call.inputs) > 1 and x.path.startswith("0.") and "must be Tensor, not" in message:
        shapes = ", ".join(tuple_text(tensor.shape) for tensor in call.inputs)
        return f"{name} expects one tensor, got several: {shapes}{came_from(x.origin, before)}"
    if x.path != "0" or x.shape is None:
        return None
    if isinstance(module, nn.RNNBase) and len(x.shape) in (2, 3) and x.shape[-1] != module.input_size:
        return f"{name} expects {module.input_size} features, got {x.shape[-1]}{came_from(x.origin, before)}"
    wanted = next((wanted for kind, wanted in _DIMENSIONS.items() if isinstance(module, kind)), ())
    if wanted and len(x.shape) not in wanted:
        numbers = " or ".join(map(str, wanted))
        return f"{name} expects {numbers} dimensions, got {len(x.shape)}: {tuple_text(x.shape)}{came_from(x.origin, before)}"
    return None
