"""Two runs with different batch sizes, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modinspect.report import Op, Output, Report, Shape


def rank(shape: Shape | None) -> int:
    """The number of dimensions; 0 where the shape is not known."""
    return len(shape or ())


def output_pairs(one: Report, other: Report) -> Iterator[tuple[Output, Output]]:
    """The outputs of the same path whose shapes are known."""
    others = {output.path: output for output in other.outputs}
    for output in one.outputs:
        twin = others.get(output.path)
        if twin is not None and output.shape is not None and twin.shape is not None:
            yield output, twin


def op_pairs(one: Report, other: Report) -> Iterator[tuple[Op, Op]]:
    """The ops of both runs as long as they are the same calls at the same places."""
    for op, twin in zip(one.ops, other.ops, strict=False):
        if op.name != twin.name or op.source != twin.source:
            return
        yield op, twin


def first_op(one: Report, other: Report, different: Callable[[Op, Op], bool]) -> Op | None:
    """The first op of the first run that ``different`` says is different in the other.

    Args:
        one: the first run
        other: a run with the same ops
        different: says whether two corresponding ops differ
    """
    return next((op for op, twin in op_pairs(one, other) if different(op, twin)), None)
