"""A failed call in words: what the layer expects, what it got, and from where."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from modinspect.report import Call, Literals, Op, Operand
from modinspect.trace.explain import tensor_functions as explain_tensors
from modinspect.trace.explain.failed_call import Failed, came_from, tuple_text


def explain(op: Op, message: str, before: Sequence[Op]) -> str | None:
    """One sentence for a plain mismatch of shapes or dtypes, ``None`` where that is not what failed.

    ``message`` is what the exception said; ``before`` are the ops that ran, to say where an operand comes from.
    """
    failed = Failed(op, message, before)
    layers = (_linear, _convolution, _norm, _embedding, _cell, _attention, _classes)
    for say in (*layers, *explain_tensors.SENTENCES, _dtypes):
        sentence = say(failed)
        if sentence is not None:
            return sentence
    return None


def explain_call(module: nn.Module, call: Call, message: str, before: Sequence[Op]) -> str | None:
    """One sentence on a layer that refused its input before it called anything; ``message`` is what it said."""
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


_DIMENSIONS: dict[type[nn.Module], tuple[int, ...]] = {
    nn.RNNBase: (2, 3),
    nn.BatchNorm1d: (2, 3),
    nn.BatchNorm2d: (4,),
    nn.BatchNorm3d: (5,),
    nn.InstanceNorm1d: (2, 3),
    nn.InstanceNorm2d: (3, 4),
    nn.InstanceNorm3d: (4, 5),
}


def _linear(failed: Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if not failed.op.name.endswith(".linear") or x is None or weight is None or not x.shape or not weight.shape:
        return None
    if x.shape[-1] == weight.shape[-1]:
        return None
    return f"{failed.who} expects {weight.shape[-1]} features, got {x.shape[-1]}{failed.came(x)}"


def _convolution(failed: Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if ".conv" not in failed.op.name or x is None or weight is None or x.shape is None or weight.shape is None:
        return None
    dims = len(weight.shape) - 2
    if len(x.shape) not in (dims + 1, dims + 2):
        wanted = "(N, C, " + ", ".join(["L", "H, W", "D, H, W"][dims - 1 : dims]) + ")"
        return f"{failed.who} expects {dims + 2} dimensions {wanted}, got {len(x.shape)}: {tuple_text(x.shape)}{failed.came(x)}"
    groups = failed.op.arguments.get("groups", 1)
    transposed = "transpose" in failed.op.name
    expected = weight.shape[0] if transposed else (weight.shape[1] or 0) * (groups if isinstance(groups, int) else 1)
    got = x.shape[-dims - 1]
    if got == expected:
        return None if transposed else _too_small(failed, x, weight)
    return f"{failed.who} expects {expected} channels, got {got}{failed.came(x)}"


def _too_small(failed: Failed, x: Operand, weight: Operand) -> str | None:
    kernel = (weight.shape or ())[2:]
    sizes = (x.shape or ())[-len(kernel) :]
    padding, dilation = (failed.op.arguments.get(name) for name in ("padding", "dilation"))
    if not isinstance(padding, list) or not isinstance(dilation, list) or x.dtype != weight.dtype:
        return None
    for size, reach, pad, step in zip(sizes, kernel, padding, dilation, strict=False):
        if (size or 0) + 2 * _whole(pad) < _whole(step) * ((reach or 0) - 1) + 1:
            spread = f", dilation {tuple_text(tuple(dilation))}" if dilation != [1] * len(dilation) else ""
            around = f", padding {tuple_text(tuple(padding))}" if padding != [0] * len(padding) else ""
            return f"the kernel {tuple_text(kernel)}{spread} of {failed.who} is larger than {failed.tell(x)}{around}"
    return None


def _whole(value: Literals) -> int:
    return value if isinstance(value, int) else 0


def _norm(failed: Failed) -> str | None:
    x = failed.operands.get("input")
    if not failed.op.name.endswith("_norm") or x is None or not x.shape:
        return None
    wanted = failed.op.arguments.get("normalized_shape")
    if isinstance(wanted, list) and list(x.shape[-len(wanted) :]) != wanted:
        return (
            f"{failed.who} expects the last dimensions {tuple_text(tuple(wanted))}, got {tuple_text(x.shape)}{failed.came(x)}"
        )
    for name in ("running_mean", "weight"):
        given = failed.operands.get(name)
        per_channel = given is not None and given.shape is not None and len(given.shape) == 1 and wanted is None
        if per_channel and given is not None and given.shape is not None and len(x.shape) > 1 and x.shape[1] != given.shape[0]:
            return f"{failed.who} expects {given.shape[0]} channels, got {x.shape[1]}{failed.came(x)}"
    return None


def _embedding(failed: Failed) -> str | None:
    ids, weight = failed.operands.get("input"), failed.operands.get("weight")
    if not failed.op.name.endswith(".embedding") or ids is None or weight is None or not weight.shape:
        return None
    if ids.dtype not in ("int64", "int32"):
        return f"{failed.who} expects indices (int64 or int32), got {ids.dtype}{failed.came(ids)}"
    if "out of range" not in failed.message and "out of bounds" not in failed.message:
        return None
    rows = weight.shape[0] or 0
    return f"{failed.who} has {rows} rows, so indices must be from 0 to {rows - 1}; got others{failed.came(ids)}"


def _dtypes(failed: Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if x is None or weight is None or x.dtype == weight.dtype or failed.op.name.endswith("embedding"):
        return None
    return f"{failed.who} has {weight.dtype} weights, got {x.dtype}{failed.came(x)}"


def _cell(failed: Failed) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("w_ih")
    if not failed.last.endswith("_cell") or x is None or weight is None or not x.shape or not weight.shape:
        return None
    if x.shape[-1] == weight.shape[-1]:
        return None
    return f"{failed.who} expects {weight.shape[-1]} features, got {x.shape[-1]}{failed.came(x)}"


def _attention(failed: Failed) -> str | None:
    if failed.last == "multi_head_attention_forward":
        query, width = failed.operands.get("query"), failed.op.arguments.get("embed_dim_to_check")
        if query is not None and query.shape and query.shape[-1] != width:
            return f"{failed.who} expects {width} features, got {query.shape[-1]}{failed.came(query)}"
    if failed.last != "scaled_dot_product_attention":
        return None
    query, key, mask = (failed.operands.get(name) for name in ("query", "key", "attn_mask"))
    if query is None or key is None or not query.shape or not key.shape:
        return None
    if query.shape[-1] != key.shape[-1]:
        return f"{failed.what} of query {failed.tell(query)} and key {failed.tell(key)}: their last dimensions differ"
    scores = (query.shape[-2], key.shape[-2]) if min(len(query.shape), len(key.shape)) > 1 else None
    if mask is not None and mask.shape is not None and scores is not None:
        fits = all(size in (1, wanted) for size, wanted in zip(reversed(mask.shape), reversed(scores), strict=False))
        return None if fits else f"{failed.what} needs a mask of (..., {scores[0]}, {scores[1]}), got {failed.tell(mask)}"
    return None


def _classes(failed: Failed) -> str | None:
    x, target = failed.operands.get("input"), failed.operands.get("target")
    if failed.last not in ("cross_entropy", "nll_loss") or x is None or target is None or not x.shape or target.shape is None:
        return None
    if x.shape == target.shape:  # probabilities
        return None
    if len(x.shape) > 1 and len(target.shape) == len(x.shape) - 1 and (x.shape[0], *x.shape[2:]) != target.shape:
        return f"{failed.what} of {failed.tell(x)} and targets {failed.tell(target)}: but for the classes they must be alike"
    if "out of bounds" in failed.message and len(target.shape) == len(x.shape) - 1:
        count = x.shape[1] if len(x.shape) > 1 else x.shape[0]
        allowed = f"targets must be from 0 to {(count or 0) - 1}"
        return f"{failed.what} got {count} classes, so {allowed}; got others{failed.came(target)}"
    return None
