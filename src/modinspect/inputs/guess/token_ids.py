"""Token ids, for a model with an embedding whose ``forward`` needs nothing else: ``forward(self, idx, targets=None)``."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter

from torch import nn

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.tensors import ones
from modinspect.inputs.values import Inputs
from modinspect.registered import modules
from modinspect.signatures import signature_of

_NAMES = frozenset({"idx", "ids", "input_ids", "token_ids", "tokens"})
_LENGTH = 16


def guess(model: nn.Module, _: Ask) -> Iterator[Inputs]:
    """A batch of one short sequence ``(1, 16)`` of zeros, valid in every vocabulary."""
    signature = signature_of(model.forward)
    if signature is None or not any(isinstance(module, nn.Embedding) for module in modules(model)):
        return
    by_name = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    required = [p for p in signature.parameters.values() if p.kind in by_name and p.default is Parameter.empty]
    if len(required) == 1 and required[0].name in _NAMES:
        name = required[0].name
        yield Inputs((), {name: ones(1, _LENGTH) * 0}, f"the name of the argument {name}: {name}=1,{_LENGTH}:int64")
