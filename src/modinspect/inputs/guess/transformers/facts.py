"""The sizes of a model, from its configuration, nested configurations, and the docstring of ``forward``."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from torch import nn

from modinspect.inputs.guess.model_attributes import attribute
from modinspect.inputs.guess.transformers.documented import Documented, documented
from modinspect.signatures import signature_of

LENGTH = 16
"""The length of token sequences and of other dimensions without a fixed size."""


@dataclass(frozen=True)
class Facts:
    """A model with its configuration, and the parameters of its ``forward`` with their documented shapes."""

    model: nn.Module
    config: Any
    parameters: Mapping[str, Parameter]
    documented: Mapping[str, Documented]

    @property
    def required(self) -> tuple[str, ...]:
        """The arguments without a default."""
        kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        return tuple(name for name, p in self.parameters.items() if p.default is Parameter.empty and p.kind in kinds)

    @property
    def main(self) -> tuple[str, ...]:
        """The model's ``main_input_name``, if ``forward`` has such an argument."""
        names = getattr(self.model, "main_input_name", None)
        return tuple(name for name in ([names] if isinstance(names, str) else names or ()) if name in self.parameters)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The model's ``input_modalities``: ``("image", "text")``; empty if it has none."""
        said = getattr(self.model, "input_modalities", None) or ()
        return (said,) if isinstance(said, str) else tuple(said)

    def lacks(self, part: str) -> bool:
        """Whether the configuration has an entry for this part and it is ``None``: the model was built without it."""
        own = [value for name, value in vars(self.config).items() if name in _OWN.get(part, ())]
        return bool(own) and all(value is None for value in own)

    def find(self, *names: str, part: str = "") -> Any:
        """The first of ``names`` in the configurations: that of ``part`` first, then the model's own, then others."""
        for config in self.configs(part):
            for name in names:
                value = getattr(config, name, None)
                if value is not None:
                    return value
        return None

    def number(self, *names: str, part: str = "", default: int = 0) -> int:
        """Like :meth:`find`, for integers and lists that start with one; ``default`` if there is none."""
        for config in self.configs(part):
            for name in names:
                value = getattr(config, name, None)
                if isinstance(value, (tuple, list)) and value:
                    value = value[0]
                if isinstance(value, int) and not isinstance(value, bool):
                    return value
        return default

    def size(self, text: str, known: Mapping[str, int] | None = None) -> int | None:
        """The value of a documented dimension (``num_channels * patch_size ** 2``); ``None`` if it is unknown."""
        try:
            tree = ast.parse(text.strip().replace("'", ""), mode="eval").body
        except SyntaxError:
            return None
        return self._value(tree, known or {})

    def _value(self, tree: ast.expr, known: Mapping[str, int]) -> int | None:
        if isinstance(tree, ast.Constant):
            return tree.value if isinstance(tree.value, int) else None
        if isinstance(tree, ast.Name):
            return known.get(tree.id) or self._named(tree.id)
        if isinstance(tree, ast.Attribute):
            return self.number(tree.attr) or None
        if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "len" and isinstance(tree.args[0], ast.Attribute):
            return len(self.find(tree.args[0].attr) or ()) or None
        if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
            left, right = self._value(tree.left, known), self._value(tree.right, known)
            return _OPERATORS[type(tree.op)](left, right) if left and right else None
        return None

    def _named(self, name: str) -> int | None:
        if name in _ONE:
            return 1
        if name in ("dim", "hidden_dim"):
            return self.number(name, "hidden_size", "d_model") or None
        in_a_row = name.endswith(_IN_A_ROW) or name.startswith(("num_", "number_of_"))
        return self.number(name) or (LENGTH if in_a_row else None)

    def configs(self, part: str = "") -> Iterator[Any]:
        """Yields the configuration of ``part``, then the model's own, then those of other parts."""
        others = []
        for name, config in _parts(self.config):
            if part and any(word in name for word in _PARTS[part]):
                yield config
            else:
                others.append(config)
        yield self.config
        yield from others


_ONE = {
    "batch_size",
    "bs",
    "batch",
    "num_images",
    "num_videos",
    "num_images_or_videos",
    "num_audios",
    "num_tiles",
    "total_classes",
}
_IN_A_ROW = ("length", "seq_len", "seq", "frames", "num_patches", "steps")
_PARTS = {
    "text": ("text", "language", "llm", "decoder"),
    "image": ("vis", "image", "vit", "backbone"),
    "video": ("video", "vis", "image", "vit"),
    "audio": ("audio", "speech", "acoustic", "encoder"),
    "action": ("dit", "action"),
    "finer": ("high_res",),
}
_OWN = {
    "image": ("vision_config", "image_config"),
    "video": ("vision_config", "video_config"),
    "audio": ("audio_config", "speech_config"),
}
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def facts_of(model: nn.Module) -> Facts | None:
    """The facts of a model; ``None`` if it has no configuration, or ``forward`` no signature."""
    config, signature = attribute(model, "config"), signature_of(model.forward)
    if config is None or signature is None or isinstance(config, (int, float, str, type)):
        return None
    if not hasattr(config, "to_dict"):
        return None
    parameters = {name: p for name, p in signature.parameters.items() if p.kind is not Parameter.VAR_KEYWORD}
    return Facts(model, config, parameters, documented(model.forward))


def _parts(config: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yields nested configurations with their names (``vision_config``), outer ones first."""
    held = [(name, value) for name, value in vars(config).items() if hasattr(value, "to_dict") and not isinstance(value, type)]
    for name, value in held:
        yield f"{above}{name}", value
    for name, value in held:
        yield from _parts(value, f"{above}{name}.")
