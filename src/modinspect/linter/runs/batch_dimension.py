"""Which dimension of the inputs is the batch.

Nobody says so; a wrong guess would be a false alarm, so doubt is a reason to skip.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

from modinspect.linter.rule import Undecided
from modinspect.linter.runs.input_variants import Arguments, Batch, doubled_everywhere, tensors_of, with_batch
from modinspect.report import Op, Report, Shape

_CONVOLUTIONS = {"conv1d": 1, "conv2d": 2, "conv3d": 3, "conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}
_UNBATCHED = "the inputs seem to have no batch dimension"
_STATE_DIMS = 3
_MOST_TRIALS = 8

Trial = Callable[[Arguments], Report]
"""Runs the model in eval mode on some arguments."""


def find_batch(arguments: Arguments, report: Report, sequential: Mapping[str, bool], trial: Trial) -> Batch:
    """The batch of ``arguments``, from which ``report`` came.

    Args:
        arguments: of the forward.
        report: the run on them.
        sequential: the modules that go along a sequence, with whether they take the batch first.
        trial: tries other arguments.

    Raises:
        Undecided: it can't be told.
    """
    tensors = [tensor for _, tensor in tensors_of(arguments)]
    if all(tensor.dim() <= 1 for tensor in tensors):
        raise Undecided("no input has two dimensions: nobody says whether the one there is is the batch")
    guess = batch_along(tensors, 0)
    _refuse_unbatched(report, guess.size)
    if _runs_sequence_first(report, tensors, sequential):
        return _axis_that_outputs_follow(arguments, report, tensors, trial)
    if not _is_ambiguous(tensors, guess):
        return guess
    for batch in itertools.islice(_readings(tensors, guess), _MOST_TRIALS):
        longer = trial(with_batch(arguments, batch, 2 * batch.size))
        if longer.error is None and (batch == guess or _shapes(longer) != _shapes(report)):
            return batch
    if guess.size > 1 and trial(doubled_everywhere(arguments, guess.size)).error is None:
        raise Undecided("the first dimension of the inputs may be no batch: other dimensions have its size")
    return guess


def batch_along(tensors: Sequence[Tensor], axis: int) -> Batch:
    """The batch if it is dimension ``axis`` of the tensors.

    One of size 1 there broadcasts, and a state may have it in second place.

    Raises:
        Undecided: the tensors have several sizes there, or none.
    """
    sizes = {tensor.shape[axis] for tensor in tensors if tensor.dim() > axis}
    states = {tensor.shape[0] for tensor in tensors if tensor.is_floating_point() and tensor.dim() == _STATE_DIMS}
    size = next((tensor.shape[axis] for tensor in tensors if tensor.dim() > axis and tensor.shape[axis] > 1), 1)
    if not sizes or 0 in sizes:
        raise Undecided("nobody says which dimension of the inputs is the batch")
    if sizes - {size, 1} - states:
        found = ", ".join(map(str, sorted(sizes)))
        raise Undecided(f"nobody says which dimension of the inputs is the batch: the sizes of dimension {axis} are {found}")
    return Batch(size, tuple(_axis_of(tensor, axis, size) for tensor in tensors))


def _axis_of(tensor: Tensor, axis: int, size: int) -> int | None:
    if tensor.dim() > axis and tensor.shape[axis] == size:
        return axis
    state = axis == 0 and tensor.is_floating_point() and tensor.dim() == _STATE_DIMS and tensor.shape[1] == size
    return 1 if state and tensor.shape[0] != size else None


def _is_ambiguous(tensors: Sequence[Tensor], guess: Batch) -> bool:
    """Whether another dimension of some tensor has the size of the batch, too."""
    return any(
        tuple(tensor.shape).count(guess.size) > (axis is not None) for tensor, axis in zip(tensors, guess.axes, strict=True)
    )


def _readings(tensors: Sequence[Tensor], guess: Batch) -> Iterator[Batch]:
    """The guess, and what else it could be: another dimension of the same size in any tensor but the first that has a batch."""
    first = next((index for index, axis in enumerate(guess.axes) if axis is not None), 0)
    choices: list[list[int | None]] = []
    for index, (tensor, axis) in enumerate(zip(tensors, guess.axes, strict=True)):
        others = [other for other, size in enumerate(tensor.shape) if size == guess.size and other != axis]
        choices.append([axis, *others] if index != first else [axis])
    for axes in itertools.product(*choices):
        yield Batch(guess.size, axes)


# -- signs


def _refuse_unbatched(report: Report, size: int) -> None:
    """Looks for signs that the inputs are one sample without a batch dimension."""
    for op in report.ops:
        name = op.name.rpartition(".")[2]
        shape = op.inputs[0].shape if op.inputs else None
        if shape is None:
            continue
        if name in _CONVOLUTIONS:
            unbatched = len(shape) == _CONVOLUTIONS[name] + 1
            if unbatched or (shape[0] is not None and shape[0] % size):
                raise Undecided(f"{_UNBATCHED}: {op.name} gets {_dims(shape)}")
        elif name == "multi_head_attention_forward" and len(shape) == 2:
            raise Undecided(f"{_UNBATCHED}: {op.name} gets {_dims(shape)}")
    if _adds_a_dimension(report):
        raise Undecided(f"{_UNBATCHED}: the forward begins with unsqueeze(0)")


def _adds_a_dimension(report: Report) -> bool:
    """Whether every floating input goes into ``unsqueeze(0)`` or ``[None]`` and nowhere else."""
    uses: dict[str, list[Op]] = {}
    for op in report.ops:
        for operand in op.inputs:
            if operand.origin is not None and operand.origin.startswith("input:") and "float" in operand.dtype:
                uses.setdefault(operand.origin, []).append(op)
    return bool(uses) and all(len(ops) == 1 and _is_unsqueeze(ops[0]) for ops in uses.values())


def _is_unsqueeze(op: Op) -> bool:
    before, after = op.inputs[0].shape, op.outputs[0].shape if op.outputs else None
    grew = before is not None and after is not None and len(after) == len(before) + 1 and after[0] == 1
    return grew and op.name in ("torch.unsqueeze", "torch.Tensor.unsqueeze", "torch.Tensor.__getitem__")


def _runs_sequence_first(report: Report, tensors: Sequence[Tensor], sequential: Mapping[str, bool]) -> bool:
    """Whether a module that takes the sequence first, and the batch second, got both in the order of the inputs."""
    orders = {tuple(tensor.shape[:2]) for tensor in tensors if tensor.dim() >= (3 if tensor.is_floating_point() else 2)}
    for call in report.calls:
        shape = call.inputs[0].shape if call.inputs and call.inputs[0].path == "0" else None
        if call.module not in sequential or shape is None:
            continue
        if len(shape) == 2:
            raise Undecided(f"{_UNBATCHED}: {call.module} gets {_dims(shape)}")
        if not sequential[call.module] and tuple(shape[:2]) in orders:
            return True
    return False


def _axis_that_outputs_follow(arguments: Arguments, report: Report, tensors: Sequence[Tensor], trial: Trial) -> Batch:
    found = []
    for axis in (0, 1):
        batch = batch_along(tensors, axis)
        longer = trial(with_batch(arguments, batch, 2 * batch.size))
        if longer.error is None and _shapes(longer) != _shapes(report):
            found.append(batch)
    if len(found) != 1:
        raise Undecided("a module takes the sequence first, and nobody says whether the batch is dimension 0 or 1")
    return found[0]


def _shapes(report: Report) -> list[Shape | None]:
    return [output.shape for output in report.outputs]


def _dims(shape: Shape) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"
