"""Token ids, with placeholders for other modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from modinspect.inputs.guess.transformers.facts import LENGTH, Facts
from modinspect.inputs.tensors import integers

_KINDS = {"image": 1, "video": 2, "audio": 3}
"""The values of ``mm_token_type_ids`` for each modality."""


def argument(facts: Facts) -> str | None:
    """The argument of ``forward`` that takes token ids."""
    return "input_ids" if "input_ids" in facts.parameters else None


def token_of(facts: Facts, modality: str) -> int | None:
    """The placeholder token of an image, a video or audio."""
    for name in (f"{modality}_token_id", f"{modality}_token_index", f"{modality}_placeholder_token_id", f"{modality}_patch_id"):
        found = facts.find(name)
        if isinstance(found, int):
            return found
    return None


def alternatives(facts: Facts, name: str, features: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Candidates for the text arguments, with placeholders for each modality.

    Args:
        facts: of the model's configuration
        name: of the argument
        features: how many placeholders each modality needs
    """
    ids, kinds = _sentence(facts, features)
    arguments: dict[str, Any] = {name: integers([ids])}
    if features and "mm_token_type_ids" in facts.parameters:
        arguments["mm_token_type_ids"] = integers([kinds])
    if "bbox" in facts.parameters:
        arguments["bbox"] = integers([[[0, 0, 1, 1]] * len(ids)])
    yield arguments
    image, film = token_of(facts, "image"), token_of(facts, "video")
    if film in ids and image is not None:  # frames can use the image placeholder
        yield {**arguments, name: integers([[image if token == film else token for token in ids]])}
    for modality, count in features.items():
        if token_of(facts, modality) is None:  # added to the text instead of replacing placeholders
            yield {name: integers([words(facts, count)])}
    codebooks = facts.number("num_codebooks")
    for channels in (codebooks, codebooks + 1) if codebooks > 1 else ():  # of audio, with and without text
        yield {name: integers([[[1] * channels] * LENGTH])}


def words(facts: Facts, count: int, part: str = "text") -> list[int]:
    """Ids of ordinary tokens, ending with the end-of-sequence token.

    Args:
        facts: of the model's configuration
        count: how many ids
        part: the part of the configuration that describes the vocabulary
    """
    vocabulary = facts.number("vocab_size", "src_vocab_size", "n_words", part=part, default=100)
    special = _special(facts)
    ordinary = [token for token in range(1, min(vocabulary, 1000)) if token not in special][:count] or [0]
    end = facts.number("eos_token_id", part=part, default=-1)
    ids = (ordinary * count)[:count]
    return [*ids[:-1], end] if 0 <= end < vocabulary else ids


def decoder_ids(facts: Facts) -> Tensor:
    """The start of a decoder's sequence."""
    return integers([words(facts, LENGTH // 2)])


def _sentence(facts: Facts, features: Mapping[str, int]) -> tuple[list[int], list[int]]:
    plain = words(facts, LENGTH)
    ids, kinds = plain[:4], [0] * 4
    for modality, count in features.items():
        token = token_of(facts, modality)
        if token is None:
            continue
        for mark, amount, kind in (
            (facts.number(*_marks(modality, "start"), default=-1), 1, 0),
            (token, count, _KINDS[modality]),
            (facts.number(*_marks(modality, "end"), default=-1), 1, 0),
        ):
            if mark >= 0:
                ids += [mark] * amount
                kinds += [kind] * amount
    return ids + plain[4:], kinds + [0] * (len(plain) - 4)


def _marks(modality: str, end: str) -> tuple[str, ...]:
    visual = ("vision_",) if modality in ("image", "video") else ()
    return tuple(f"{name}{end}_token_id" for name in (f"{modality}_", *visual))


def _special(facts: Facts) -> set[int]:
    """The special tokens."""
    return {
        value
        for config in facts.configs()
        for name, value in vars(config).items()
        if name.endswith(("token_id", "token_index")) and isinstance(value, int)
    }
