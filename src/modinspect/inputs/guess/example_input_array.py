"""``example_input_array``: a tensor, a tuple of arguments or a dict of them (Lightning)."""

from __future__ import annotations

from torch import Tensor, nn

from modinspect.inputs.guess.attribute import attribute
from modinspect.inputs.values import Inputs


def guess(model: nn.Module) -> Inputs | None:
    """What the model holds, given to ``forward`` as Lightning gives it."""
    example = attribute(model, "example_input_array")
    how = f"example_input_array of {type(model).__name__}"
    if isinstance(example, Tensor):
        return Inputs((example,), {}, how)
    if isinstance(example, (tuple, list)):
        return Inputs(tuple(example), {}, how)
    if isinstance(example, dict):
        return Inputs((), dict(example), how)
    return None
