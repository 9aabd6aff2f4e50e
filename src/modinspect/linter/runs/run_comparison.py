"""Two watched runs side by side: where a difference begins, and where one sample comes into another."""

from __future__ import annotations

from torch import Tensor

from modinspect.linter.runs.step_recorder import Fingerprint, Fingerprinter, RecordedRun, Step, differ, fingerprint
from modinspect.report import Shape


def differs(first: RecordedRun, second: RecordedRun) -> bool:
    """Whether the outputs differ."""
    return first.shapes != second.shapes or any(map(differ, first.prints, second.prints))


def first_difference(first: RecordedRun, second: RecordedRun) -> Step | None:
    """The step with which a difference begins that reaches an output; where the runs part, one that only one of them made."""
    changed, limit = _changed(first, second)
    for index in sorted(_ancestors(second)):
        if index < limit and changed[index] and not any(changed[operand] for operand in second.steps[index].operands):
            return second.steps[index]
    longer = max(first, second, key=lambda run: len(run.steps))
    return longer.steps[limit] if limit < len(longer.steps) else None


def batch_axis(two: Shape | None, three: Shape | None) -> int | None:
    """The one dimension that follows the batch size, from shapes with two and with three samples."""
    if two is None or three is None or len(two) != len(three):
        return None
    axes = [axis for axis, sizes in enumerate(zip(two, three, strict=True)) if sizes[0] != sizes[1]]
    if len(axes) != 1:
        return None
    of_two, of_three = two[axes[0]], three[axes[0]]
    return axes[0] if of_two is not None and of_three is not None and of_two * 3 == of_three * 2 else None


def sample_fingerprinter(kept: int, three: RecordedRun) -> Fingerprinter:
    """Looks at sample ``kept`` of two, where a tensor has one entry a sample; at all of it elsewhere.

    ``three`` is a run with three samples, which shows which dimension that is.
    """

    def fingerprinter(step: int, position: int, tensor: Tensor) -> Fingerprint:
        others = three.shapes if step < 0 else three.steps[step].shapes if step < len(three.steps) else ()
        axis = batch_axis(tuple(tensor.shape), others[position] if position < len(others) else None)
        if axis is None:
            return fingerprint(tensor)
        half = tensor.shape[axis] // 2
        return fingerprint(tensor.narrow(axis, kept * half, half))

    return fingerprinter


def follows_batch(two: RecordedRun, three: RecordedRun) -> bool:
    """Whether any output has a dimension that follows the batch size."""
    return any(batch_axis(*shapes) is not None for shapes in zip(two.shapes, three.shapes, strict=False))


def outputs_mix(before: RecordedRun, after: RecordedRun, three: RecordedRun) -> bool:
    """Whether what was looked at of an output changed.

    One whose shape changed, as padding to the longest does, can't be compared.

    Args:
        before: the run on two samples
        after: the run with the other sample replaced
        three: the run on three samples, which shows the batch dimension
    """
    for index, (old, new) in enumerate(zip(before.prints, after.prints, strict=False)):
        shape = before.shapes[index]
        other = three.shapes[index] if index < len(three.shapes) else None
        if shape == after.shapes[index] and batch_axis(shape, other) is not None and differ(old, new):
            return True
    return False


def same_calls(first: RecordedRun, second: RecordedRun) -> bool:
    """Whether both runs made the same calls on the same shapes."""
    pairs = zip(first.steps, second.steps, strict=False)
    alike = all(one.name == other.name and one.place == other.place and one.shapes == other.shapes for one, other in pairs)
    return alike and len(first.steps) == len(second.steps)


def first_mixing(before: RecordedRun, after: RecordedRun, three: RecordedRun) -> Step | None:
    """The step at which another sample comes in: the one that a changed value without samples of its own comes from.

    Where samples are not kept apart in the run's tensors (a loop over the batch), the step that made the output.

    Args:
        before: the run on two samples
        after: the run with the other sample replaced
        three: the run on three samples, which shows the batch dimension
    """
    changed, limit = _changed(before, after)
    steps = after.steps

    def has_samples(index: int) -> bool:
        others = three.steps[index].shapes if index < len(three.steps) else ()
        return any(batch_axis(*shapes) is not None for shapes in zip(steps[index].shapes, others, strict=False))

    for index in sorted(_ancestors(after)):
        if index >= limit or not changed[index] or not has_samples(index):
            continue
        cause = index
        while mixed := [operand for operand in steps[cause].operands if changed[operand] and not has_samples(operand)]:
            cause = mixed[0]
        return steps[cause]
    return steps[max(after.outputs)] if after.outputs else None


def _ancestors(run: RecordedRun) -> set[int]:
    """The steps that the outputs come from."""
    found: set[int] = set()
    waiting = list(run.outputs)
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(run.steps[step].operands)
    return found


def _changed(first: RecordedRun, second: RecordedRun) -> tuple[list[bool], int]:
    """Which steps differ, up to the first that is another one; and the index of that."""
    changed = []
    for one, other in zip(first.steps, second.steps, strict=False):
        if one.name != other.name or one.place != other.place:
            break
        changed.append(one.shapes != other.shapes or any(map(differ, one.prints, other.prints)))
    return changed, len(changed)
