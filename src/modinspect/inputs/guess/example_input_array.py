"""``example_input_array``: a tensor, a tuple of arguments or a dict of them (Lightning)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.guess.model_attributes import attribute
from modinspect.inputs.values import Inputs


def guess(model: nn.Module, _: Ask) -> Iterator[Inputs]:
    """The model's ``example_input_array``, passed to ``forward`` as Lightning does."""
    example = attribute(model, "example_input_array")
    how = f"example_input_array of {type(model).__name__}"
    if isinstance(example, Tensor):
        yield Inputs((example,), {}, how)
    elif isinstance(example, (tuple, list)):
        yield Inputs(tuple(example), {}, how)
    elif isinstance(example, dict):
        yield Inputs((), dict(example), how)
