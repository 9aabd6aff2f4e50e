"""About one second of audio, as a waveform or as spectrogram features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from modinspect.inputs.guess.transformers.documented_tensors import as_documented
from modinspect.inputs.guess.transformers.facts import Facts
from modinspect.inputs.tensors import floats, ones
from modinspect.registered import named_modules

SAMPLES = 16000
"""One second at 16 kHz, the usual rate of speech models; used if the configuration has no rate."""
_STEP = 1920
"""A number of samples that the strides of encoders divide; used if the configuration has no hop length."""
FRAMES = 96
"""About one second in steps of 10 ms, a multiple of the strides of encoders."""

_BINS = (
    "feature_projection_input_dim", "input_size", "input_dim", "num_mel_bins", "n_mels", "num_mels", "n_mel_bins", "mel_bins",
    "input_feat_size", "input_feat_per_channel", "feature_size", "feature_dim", "mel_dim", "model_in_dim", "num_mel_channels",
)  # fmt: skip


def argument(facts: Facts) -> str | None:
    """The argument of ``forward`` that takes audio."""
    main = [name for name in facts.main if name.startswith(("input_values", "input_features"))]
    for name in (*main, *facts.parameters):
        if name in ("input_features", "input_values", "audio_mel", "audio_values", "audio_input_features"):
            return name
    return None


def alternatives(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Candidates for the audio arguments, those with masks first."""
    masks = [mask for mask in facts.parameters if mask in (f"{name}_mask", "feature_attention_mask", "padding_mask")]
    for sound, steps in _without_masks(facts, name):
        if masks:
            said = facts.documented.get(masks[0])
            for dtype in dict.fromkeys((said.dtype if said and said.dtype else torch.int64, torch.bool)):
                yield {name: sound, **{mask: ones(1, steps, dtype=dtype) for mask in masks}}
        yield {name: sound}


def features(facts: Facts, steps: int) -> Iterator[Tensor]:
    """Spectrograms ``(1, steps, bins)`` and ``(1, bins, steps)``, with each candidate for the number of bins."""
    bins = facts.number(*_BINS, part="audio", default=80)
    for count in dict.fromkeys((bins, _first_width(facts) or bins, 128)):
        yield floats(1, steps, count)
        yield floats(1, count, steps)


def _without_masks(facts: Facts, name: str) -> Iterator[tuple[Tensor, int]]:
    """The audio tensor without masks, and its number of steps."""
    bins = facts.number(*_BINS, part="audio", default=80)
    if name.endswith("values") and not facts.number("num_mel_bins", part="audio"):
        yield from _waves(facts, name)
        return
    if name.endswith("values"):  # despite its name, a spectrogram
        longest = facts.number("max_length", part="audio", default=FRAMES)
        yield floats(1, longest, bins), longest
    positions = facts.number("max_source_positions", part="audio")
    if positions:
        yield floats(1, bins, 2 * positions), 2 * positions
    window = 2 * facts.number("n_window", part="audio")
    frames = -(-FRAMES // window) * window if window else FRAMES
    for sound in features(facts, frames):
        yield sound, frames
    if facts.number("spec_size", part="audio"):
        yield floats(1, 1, 1024, bins), 1024
    for sound in as_documented(facts, name, {"feature_dim": bins, "num_mel_bins": bins, "feature_size": bins}):
        yield sound, sound.shape[-1]


def _waves(facts: Facts, name: str) -> Iterator[tuple[Tensor, int]]:
    """``(1, samples)`` and ``(1, channels, samples)``, the documented one first."""
    color = facts.number("audio_channels", "channels", part="audio", default=1)
    rate, hop = (facts.number(*names, part="audio") for names in (("sampling_rate", "sample_rate"), ("hop_length",)))
    step = hop or _STEP
    samples = -(-(rate or SAMPLES) // step) * step
    said = facts.documented.get(name)
    waves = (floats(1, samples), samples), (floats(1, color, samples), samples)
    yield from waves if said and said.shapes and len(said.shapes[0]) == 2 else reversed(waves)


def _first_width(facts: Facts) -> int | None:
    """The input features of the first layer, of the model or of its audio encoder."""
    for path, module in named_modules(facts.model):
        if facts.modalities in (("audio",), ()) or "audio" in path or "speech" in path:
            if isinstance(module, nn.Linear):
                return module.in_features
            if isinstance(module, nn.Conv1d):
                return module.in_channels
    return None
