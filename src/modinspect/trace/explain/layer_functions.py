"""Sentences on the functions of layers: linear, convolution, norm, embedding, recurrent cell, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from modinspect.report import Literals, Operand
from modinspect.trace.explain.failed_call import FailedCall, tuple_text


def _linear(failed: FailedCall) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if not failed.op.name.endswith(".linear") or x is None or weight is None or not x.shape or not weight.shape:
        return None
    if x.shape[-1] == weight.shape[-1]:
        return None
    return f"{failed.layer} expects {weight.shape[-1]} features, got {x.shape[-1]}{failed.source_of(x)}"


def _convolution(failed: FailedCall) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("weight")
    if ".conv" not in failed.op.name or x is None or weight is None or x.shape is None or weight.shape is None:
        return None
    dims = len(weight.shape) - 2
    if len(x.shape) not in (dims + 1, dims + 2):
        wanted = "(N, C, " + ", ".join(["L", "H, W", "D, H, W"][dims - 1 : dims]) + ")"
        return f"{failed.layer} expects {dims + 2} dimensions {wanted}, got {len(x.shape)}: {failed.describe(x)}"
    groups = failed.op.arguments.get("groups", 1)
    transposed = "transpose" in failed.op.name
    expected = weight.shape[0] if transposed else (weight.shape[1] or 0) * (groups if isinstance(groups, int) else 1)
    got = x.shape[-dims - 1]
    if got == expected:
        return None if transposed else _too_small(failed, x, weight)
    return f"{failed.layer} expects {expected} channels, got {got}{failed.source_of(x)}"


def _too_small(failed: FailedCall, x: Operand, weight: Operand) -> str | None:
    kernel = (weight.shape or ())[2:]
    sizes = (x.shape or ())[-len(kernel) :]
    padding, dilation = (failed.op.arguments.get(name) for name in ("padding", "dilation"))
    if not isinstance(padding, list) or not isinstance(dilation, list) or x.dtype != weight.dtype:
        return None
    for size, length, pad, step in zip(sizes, kernel, padding, dilation, strict=False):
        if (size or 0) + 2 * _int(pad) < _int(step) * ((length or 0) - 1) + 1:
            options = [
                f"{name} {tuple_text(tuple(values))}"
                for name, values, usual in (("dilation", dilation, 1), ("padding", padding, 0))
                if values != [usual] * len(values)
            ]
            with_options = f" with {' and '.join(options)}" if options else ""
            return f"{failed.layer} has a kernel of {tuple_text(kernel)}{with_options}, larger than {failed.describe(x)}"
    return None


def _int(value: Literals) -> int:
    return value if isinstance(value, int) else 0


def _norm(failed: FailedCall) -> str | None:
    x = failed.operands.get("input")
    if not failed.op.name.endswith("_norm") or x is None or not x.shape:
        return None
    wanted = failed.op.arguments.get("normalized_shape")
    if isinstance(wanted, list):
        if list(x.shape[-len(wanted) :]) == wanted:
            return None
        return f"{failed.layer} expects the last dimensions {tuple_text(tuple(wanted))}, got {failed.describe(x)}"
    for name in ("running_mean", "weight"):
        given = failed.operands.get(name)
        shape = given.shape if given is not None else None
        if shape is not None and len(shape) == 1 and len(x.shape) > 1 and x.shape[1] != shape[0]:
            return f"{failed.layer} expects {shape[0]} channels, got {x.shape[1]}{failed.source_of(x)}"
    return None


def _embedding(failed: FailedCall) -> str | None:
    ids, weight = failed.operands.get("input"), failed.operands.get("weight")
    if not failed.op.name.endswith(".embedding") or ids is None or weight is None or not weight.shape:
        return None
    rows = weight.shape[0] or 0
    if ids.dtype not in ("int64", "int32"):
        advice = ""
        if (ids.origin or "").startswith("input:") and ids.shape is not None:
            advice = f": use -i {','.join(map(str, ids.shape))}:int64:0..{rows}"
        return f"{failed.layer} expects integer indices, got {ids.dtype}{failed.source_of(ids)}{advice}"
    if "out of range" not in failed.message and "out of bounds" not in failed.message:
        return None
    index = failed.out_of_range(ids, rows)
    which = "an index is" if index is None else f"index {index} is"
    return f"{failed.layer} has {rows} rows: {which} out of range (0–{rows - 1}){failed.source_of(ids)}"


def _cell(failed: FailedCall) -> str | None:
    x, weight = failed.operands.get("input"), failed.operands.get("w_ih")
    if not failed.last.endswith("_cell") or x is None or weight is None or not x.shape or not weight.shape:
        return None
    if x.shape[-1] == weight.shape[-1]:
        return None
    return f"{failed.layer} expects {weight.shape[-1]} features, got {x.shape[-1]}{failed.source_of(x)}"


def _multi_head_attention(failed: FailedCall) -> str | None:
    query, width = failed.operands.get("query"), failed.op.arguments.get("embed_dim_to_check")
    if failed.last != "multi_head_attention_forward" or query is None or not query.shape or query.shape[-1] == width:
        return None
    return f"{failed.layer} expects {width} features, got {query.shape[-1]}{failed.source_of(query)}"


def _attention(failed: FailedCall) -> str | None:
    query, key, mask = (failed.operands.get(name) for name in ("query", "key", "attn_mask"))
    if failed.last != "scaled_dot_product_attention" or query is None or key is None or not query.shape or not key.shape:
        return None
    if query.shape[-1] != key.shape[-1]:
        return (
            f"{failed.function}: query {failed.describe(query)} and key {failed.describe(key)} "
            f"differ in the last dimension, {query.shape[-1]} and {key.shape[-1]}"
        )
    scores = (query.shape[-2], key.shape[-2]) if min(len(query.shape), len(key.shape)) > 1 else None
    if mask is not None and mask.shape is not None and scores is not None:
        fits = all(size in (1, wanted) for size, wanted in zip(reversed(mask.shape), reversed(scores), strict=False))
        wanted = f"(..., {scores[0]}, {scores[1]})"
        return None if fits else f"{failed.function} expects a mask of {wanted}, got {failed.describe(mask)}"
    return None


SENTENCES: Iterable[Callable[[FailedCall], str | None]] = (
    _linear,
    _convolution,
    _norm,
    _embedding,
    _cell,
    _multi_head_attention,
    _attention,
)
