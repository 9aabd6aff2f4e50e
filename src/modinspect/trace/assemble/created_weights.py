"""Finds tensors created in ``forward`` and used as weights.

A tensor that depends neither on an input nor on anything registered is such a weight if it is the weight argument of a linear,
convolution, embedding or norm, or an operand of a matmul whose other operand depends on the input. No optimizer trains it and
no ``state_dict`` saves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modinspect.report import MATMULS, WEIGHT_ARGUMENTS, WEIGHTED, base_name, is_factor
from modinspect.trace.capture import (
    OpRecord,
    Origin,
    Recording,
    UnregisteredUse,
    argument_name,
    last_name,
    line_of,
    public_name,
)

_INPUT, _STATE, _UNKNOWN = 1, 2, 4
"""Bits for what a value depends on: an input; a parameter, buffer, attribute or global; something unknown."""


@dataclass(frozen=True)
class CreatedWeights:
    """The weights created in ``forward``.

    Attributes:
        found: in the order of their first use.
        of_op: for op index and operand position, the index in ``Recording.found`` followed by ``found``.
    """

    found: tuple[UnregisteredUse, ...]
    of_op: dict[int, dict[int, int]]


def find_weights(recording: Recording) -> CreatedWeights:
    """Finds the weights in one pass over the ops."""
    found: list[UnregisteredUse] = []
    indices: dict[object, int] = {}
    of_op: dict[int, dict[int, int]] = {}
    depends: list[int] = []
    first = len(recording.unregistered_uses)
    for index, record in enumerate(recording.ops):
        on = [_depends(origin, depends, recording) for origin in record.origins]
        for position in _weight_positions(record, on):
            weight = _created_weight(recording, record, position)
            code, at, _ = weight.source
            key = (weight.name, weight.shape, code, None if code is None else line_of(code, at), weight.module)
            if key not in indices:
                indices[key] = first + len(found)
                found.append(weight)
            of_op.setdefault(index, {})[position] = indices[key]
        depends.append(0 if record.signature.kind == "create" else _union(on))
    return CreatedWeights(tuple(found), of_op)


def _depends(origin: Origin, depends: list[int], recording: Recording) -> int:
    if origin is None:
        return _UNKNOWN
    if origin >= 0:
        return depends[origin] if origin < len(depends) else _UNKNOWN
    return _INPUT if recording.graph_inputs[-1 - origin].kind == "input" else _STATE


def _union(bits: list[int]) -> int:
    total = 0
    for bit in bits:
        total |= bit
    return total


def _weight_positions(record: OpRecord, on: list[int]) -> Iterator[int]:
    """The positions of operands that are used as weights and depend on nothing; ``on`` has the bits of each operand."""
    if all(on):
        return
    name = last_name(record.func) if record.signature.name is None else base_name(record.signature.name)
    created = [
        (position, argument)
        for position, (argument, shape, _, _) in enumerate(record.signature.operands)
        if not on[position] and not (shape is not None and 0 in shape)  # an empty tensor is a placeholder
    ]
    if name in WEIGHTED:
        for position, argument in created:
            if argument_name(record.func, argument) in WEIGHT_ARGUMENTS:
                yield position
    elif name in MATMULS and _INPUT & _union(on):
        for position, argument in created:
            if is_factor(name, argument) and position not in record.signature.mutates:
                yield position


def _created_weight(recording: Recording, record: OpRecord, position: int) -> UnregisteredUse:
    """The weight, named after the op that created it: views and copies are followed back."""
    origin = record.origins[position]
    maker = recording.ops[origin] if origin is not None and origin >= 0 else record
    while maker.signature.kind != "create" and maker.origins and (before := maker.origins[0]) is not None and before >= 0:
        maker = recording.ops[before]
    _, shape, dtype, _ = record.signature.operands[position]
    name = maker.signature.name or public_name(maker.func)
    module = recording.calls[record.call].record.path
    return UnregisteredUse("tensor", name, "weight", "Tensor", module, maker.source, 0, shape, dtype)
