"""Guesses the arguments of ``forward`` from its signature, its docstring and the model's configuration."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.guess.transformers import audio, families, image, series, text, video
from modinspect.inputs.guess.transformers.documented_tensors import as_documented
from modinspect.inputs.guess.transformers.facts import LENGTH, Facts, facts_of
from modinspect.inputs.tensors import floats, ones
from modinspect.inputs.values import Inputs
from modinspect.registered import modules, named_modules
from modinspect.signatures import signature_of

_MODALITIES: dict[str, ModuleType] = {"image": image, "video": video, "audio": audio, "time": series}
_MOST = 24
"""The maximum number of combinations to try."""

Arguments = dict[str, Any]


def guess(model: nn.Module, ask: Ask) -> Iterator[Inputs]:
    """Yields inputs for all modalities first, then for fewer, with a note on those left out."""
    facts = facts_of(model)
    if facts is None:
        return
    found = {name: module.argument(facts) for name, module in _MODALITIES.items() if not facts.lacks(name)}
    taken = {name: argument for name, argument in found.items() if argument is not None}
    seen: set[str] = set()
    for arguments in itertools.islice(_calls(facts, ask, taken), _MOST):
        key = ", ".join(_outline(name, value) for name, value in arguments.items())
        if key not in seen and set(facts.required) <= arguments.keys():
            seen.add(key)
            left_out = [name for name, argument in taken.items() if argument not in arguments]
            notes = (f"no {' and no '.join(left_out)} was given: the model accepts none of the candidates",) if left_out else ()
            yield Inputs((), arguments, f"the signature of forward and {type(facts.config).__name__}", notes)


def _outline(name: str, value: Any) -> str:
    """Name, shape and dtype, and the values of integers, which carry meaning."""
    if isinstance(value, Tensor) and not value.is_floating_point():
        return f"{name} {value.dtype} {value.tolist()}"
    return f"{name} {getattr(value, 'shape', value)} {getattr(value, 'dtype', '')}"


def _calls(facts: Facts, ask: Ask, taken: dict[str, str]) -> Iterator[Arguments]:
    """Yields candidate arguments of ``forward``; ``taken`` maps modalities to arguments."""
    own = families.arguments(facts)
    if own is not None:
        yield own
    options = {name: list(_MODALITIES[name].alternatives(facts, argument)) for name, argument in taken.items()}
    tokens = text.argument(facts)
    features: dict[str, int] = {}
    for name in list(options) if tokens is not None else ():
        getter = _getter(facts, name)
        if getter is not None:
            settled = _first_accepted(facts, ask, getter, options.pop(name))
            if settled is not None:
                options[name], features[name] = [settled[0]], settled[1]
    for chosen in _subsets(tuple(options), tokens):
        there = {name: features[name] for name in chosen if name in features}
        sets = [options[name] for name in chosen]
        if tokens is not None:
            sets.append(list(text.alternatives(facts, tokens, there)))
        for combination in itertools.product(*sets):
            yield from _completed(facts, {key: value for part in combination for key, value in part.items()})
    least = next(text.alternatives(facts, tokens, {})) if tokens is not None else {}
    yield from _last_attempts(facts, next(_completed(facts, least), {}))


def _subsets(names: Sequence[str], tokens: str | None) -> Iterator[tuple[str, ...]]:
    """All modalities, then one at a time, then the text alone."""
    yield tuple(names)
    if len(names) > 1:
        yield from ((name,) for name in names)
    if names and tokens is not None:
        yield ()


def _getter(facts: Facts, modality: str) -> str | None:
    """The path of the model's or a submodule's ``get_image_features``."""
    name = f"get_{modality}_features"
    paths = (path for path, module in named_modules(facts.model) if hasattr(type(module), name))
    path = next(paths, None)
    return None if path is None else f"{path}.{name}".strip(".")


def _first_accepted(facts: Facts, ask: Ask, getter: str, options: Iterable[Arguments]) -> tuple[Arguments, int] | None:
    """The first candidate that ``get_image_features`` accepts, and the number of features that it returns."""
    signature = signature_of(operator.attrgetter(getter)(facts.model))
    for arguments in options:
        given = {name: value for name, value in arguments.items() if signature and name in signature.parameters}
        outputs = ask(getter, given)
        if outputs is not None:
            return arguments, sum(math.prod(size or 0 for size in (output.shape or ())[:-1]) for output in outputs)
    return None


def _completed(facts: Facts, arguments: Arguments) -> Iterator[Arguments]:
    """The arguments with the remaining required ones and the start of a decoder's sequence."""
    missing = (name for name in (*facts.required, *facts.main) if name not in arguments)
    given = {**arguments, **{name: value for name in missing if (value := _documented(facts, name)) is not None}}
    begun = {name: value for name in _BEGINS if name in facts.parameters and (value := _documented(facts, name)) is not None}
    if given and not begun.keys() <= given.keys():
        yield {**begun, **given}
    attended = "image_attention_mask"
    if attended in facts.parameters and given.get("pixel_values", ones()).dim() == 5:  # the images that each token attends to
        yield {**given, attended: ones(1, given["input_ids"].shape[1], given["pixel_values"].shape[1])}
    if given:
        yield given


_BEGINS = ("decoder_input_ids", "decoder_input_values")


def _documented(facts: Facts, name: str) -> Any:
    """A tensor of the documented shape; ``None`` if there is none."""
    if name.endswith("decoder_input_ids"):
        return text.decoder_ids(facts)
    known = image.dims(facts)
    longest = facts.number(f"{name.partition('_')[0]}_seq_len")  # task_seq_len for task_inputs
    found = next(as_documented(facts, name, {**known, "sequence_length": longest} if longest else known), None)
    if found is None and name in facts.main:
        return floats(1, LENGTH, facts.number("d_model", "hidden_size", default=LENGTH))
    return found


def _last_attempts(facts: Facts, arguments: Arguments) -> Iterator[Arguments]:
    """Last attempts: encoder outputs for decoders, no cache, and arguments that few models have."""
    states = "encoder_hidden_states"
    if states in facts.parameters:
        width = facts.number("encoder_hidden_size", "cross_attention_hidden_size", "hidden_size", "d_model")
        yield {**arguments, states: floats(1, LENGTH, width)}
    if "use_cache" in facts.parameters:
        yield {**arguments, "use_cache": False}
    if len(facts.required) == 1 and facts.required[0] not in facts.documented:
        yield from ({facts.required[0]: value} for value in _for_first_layer(facts))
    own = {name: _documented(facts, name) for name in facts.parameters if not name.endswith(_OF_OTHERS)}
    yield {**{name: value for name, value in own.items() if value is not None}, **arguments}


def _for_first_layer(facts: Facts) -> Iterator[Tensor]:
    """The input of the first layer, if the only argument is undocumented."""
    for module in modules(facts.model):
        if isinstance(module, nn.Linear):
            yield floats(1, LENGTH, module.in_features)
            return
        if isinstance(module, nn.Conv1d):
            yield floats(1, module.in_channels, audio.SAMPLES if module.in_channels == 1 else LENGTH)
            return
        if isinstance(module, nn.Conv2d):
            yield floats(1, module.in_channels, *image.sides(facts))
            return


_OF_OTHERS = ("labels", "embeds", "outputs", "hidden_states", "head_mask", "key_values", "position_ids")
"""Arguments that replace a part of the forward, or are for training."""
