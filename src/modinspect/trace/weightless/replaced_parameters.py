"""The parameters of a model built without memory: what its code created, and what was registered in their place."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from torch import Tensor, nn

from modinspect.trace.model import walk


class ReplacedParameters:
    """Pairs of an original parameter, held weakly, and the one without memory that replaces it.

    Attributes:
        asked_for_meta: the model itself has created something on ``meta``.
    """

    def __init__(self) -> None:
        self.asked_for_meta = False
        self._by_original: dict[int, tuple[weakref.ref[Tensor], nn.Parameter]] = {}
        self._replacements: dict[int, nn.Parameter] = {}

    def add(self, original: Tensor, replacement: nn.Parameter) -> None:
        """Notes that ``replacement`` was registered in place of ``original``."""
        self._by_original[id(original)] = (weakref.ref(original), replacement)
        self._replacements[id(replacement)] = replacement

    def get(self, original: Tensor) -> nn.Parameter | None:
        """The replacement of ``original``."""
        entry = self._by_original.get(id(original))
        return entry[1] if entry is not None and entry[0]() is original else None

    def alive(self) -> Iterator[tuple[Tensor, nn.Parameter]]:
        """(original, replacement) of the originals that something still refers to."""
        for reference, replacement in self._by_original.values():
            original = reference()
            if original is not None:
                yield original, replacement

    def is_replacement(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` was registered in place of one with memory."""
        return id(tensor) in self._replacements

    def replacements(self) -> list[nn.Parameter]:
        """All parameters registered in place of others."""
        return list(self._replacements.values())

    def others_on_meta(self, model: nn.Module) -> Iterator[str]:
        """The names of parameters and buffers that are on ``meta`` by the model's own doing."""
        for path, module in walk(model):
            for name, tensor in (*module._parameters.items(), *module._buffers.items()):
                if tensor is not None and tensor.is_meta and not self.is_replacement(tensor):
                    yield f"{path}.{name}" if path else name
