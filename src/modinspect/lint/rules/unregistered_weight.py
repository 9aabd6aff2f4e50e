"""MI103."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import Reading, short, where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.lint.unregistered import is_loose_weight, loose_tensor
from modinspect.report import Op, Operand, Unregistered


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
                entry = loose_tensor(reading, operand)
                if entry is not None and is_loose_weight(reading, op, operand, entry):
                    yield Draft(_message(reading, op, operand, entry), op.module, op.source, about=f"{op.name} {entry.name}")


def _message(reading: Reading, op: Op, operand: Operand, entry: Unregistered) -> str:
    shape = "×".join(str(size) for size in operand.shape or ())
    made = f"made in forward ({short(entry.name)})" if entry.role == "weight" else f"the {entry.role} {entry.name}"
    return (
        f"the {operand.argument or 'operand'} of {short(op.name)} in {where(reading.report, op.module)}, {shape}, is {made}: "
        "no "
        "parameter and no buffer, so that no optimizer trains it and no state_dict saves it. Make it an nn.Parameter in "
        "__init__, "
        "or register_buffer() if it is fixed"
    )
