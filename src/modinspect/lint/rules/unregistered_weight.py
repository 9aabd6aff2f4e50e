"""MI103."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import Reading, short, where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.lint.unregistered import is_loose_weight, loose_tensor, stands_as_weight
from modinspect.report import Op, Operand


class UnregisteredWeight(Rule):
    """A weight is a tensor that is neither parameter nor buffer."""

    id = "MI103"
    name = "unregistered-weight"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Operands that stand where a weight stands, and parameters anywhere, that nothing registers."""
        reading = Reading(runs.report)
        for op in runs.report.ops:
            for operand in op.inputs:
                what = _made(reading, op, operand)
                if what is not None:
                    yield Draft(_message(reading, op, operand, what), op.module, op.source, about=f"{op.name} {what}")


def _made(reading: Reading, op: Op, operand: Operand) -> str | None:
    """What a weight is that nothing registers, in words; ``None`` for any other operand."""
    entry = loose_tensor(reading, operand)
    if entry is not None and is_loose_weight(reading, op, operand, entry):
        return f"made in forward ({short(entry.name)})" if entry.role == "weight" else f"the {entry.role} {entry.name}"
    if operand.origin is None and stands_as_weight(reading, op, operand) and not reading.by_torch(op):
        return "made where nothing registers it"  # nn.Parameter(torch.randn(...)) in forward, say: no call of torch's made it
    return None


def _message(reading: Reading, op: Op, operand: Operand, made: str) -> str:
    shape = "×".join(str(size) for size in operand.shape or ())
    name = operand.argument if "weight" in operand.argument else "operand"
    return (
        f"the {name} of {short(op.name)} in {where(reading.report, op.module)}, {shape}, is {made}: no parameter and no "
        "buffer, so that no optimizer trains it and no state_dict saves it. Make it an nn.Parameter in __init__, or register_buffer() "
        "if it is fixed"
    )
