"""Sentences on losses over classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from modinspect.report import Operand, Shape
from modinspect.trace.explain.failed_call import FailedCall, tuple_text


def _classes(failed: FailedCall) -> str | None:
    x, target = failed.operands.get("input"), failed.operands.get("target")
    if failed.last not in ("cross_entropy", "nll_loss") or x is None or target is None or not x.shape or target.shape is None:
        return None
    classes = x.shape[1] if len(x.shape) > 1 else x.shape[0]
    wanted = (x.shape[0], *x.shape[2:]) if len(x.shape) > 1 else ()
    if target.shape == wanted:
        return _out_of_range(failed, target, classes or 0)
    if target.shape == x.shape:  # class probabilities
        return None
    advice = _advice(x.shape, target.shape, wanted)
    return (
        f"{failed.function} expects targets of shape {tuple_text(wanted)} for {failed.describe(x)}, "
        f"got {failed.describe(target)}{advice}"
    )


def _advice(x: Shape, target: Shape, wanted: Shape) -> str:
    if len(x) > 2 and target == x[:-1]:
        return f": the {x[-1]} classes must be dimension 1, as in input.movedim(-1, 1)"
    squeezed = next(
        (dim for dim in range(len(target)) if target[dim] == 1 and (*target[:dim], *target[dim + 1 :]) == wanted), None
    )
    return "" if squeezed is None else f": use target.squeeze({squeezed})"


def _out_of_range(failed: FailedCall, target: Operand, classes: int) -> str | None:
    if "out of bounds" not in failed.message:
        return None
    index = failed.out_of_range(target, classes)
    which = "a target is" if index is None else f"target {index} is"
    return f"{failed.function}: {which} out of range for {classes} classes (0–{classes - 1}){failed.source_of(target)}"


SENTENCES: Iterable[Callable[[FailedCall], str | None]] = (_classes,)
