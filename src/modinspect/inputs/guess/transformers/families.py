"""Families with special inputs, each recognised by arguments of ``forward`` that no other family has."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import torch

from modinspect.inputs.guess.transformers import audio, image, text
from modinspect.inputs.guess.transformers.facts import LENGTH, Facts
from modinspect.inputs.tensors import floats, integers, ones


def arguments(facts: Facts) -> dict[str, Any] | None:
    """The inputs of a model of one of these families; ``None`` for other models."""
    for names, make in _FAMILIES.items():
        if names <= facts.parameters.keys():
            return make(facts)
    return None


def _tracker(facts: Facts) -> dict[str, Any] | None:
    """A video of two frames, with a click on an object in the first (``Sam2Video``)."""
    annotation = facts.parameters["inference_session"].annotation
    session_class = (
        annotation if isinstance(annotation, type) else typing.get_type_hints(facts.model.forward).get("inference_session")
    )
    if not inspect.isclass(session_class):
        return None
    make: Callable[..., Any] = session_class
    height, width = image.sides(facts)
    session = make(video=floats(2, 3, height, width), video_height=height, video_width=width, dtype=torch.float32)
    if hasattr(session, "add_prompt"):
        prompt = session.add_prompt("a thing")
        session.prompt_input_ids[prompt] = integers([text.words(facts, LENGTH)])
        session.prompt_attention_masks[prompt] = ones(1, LENGTH)
    else:
        index = session.obj_id_to_idx(1)
        session.add_point_inputs(index, 0, {"point_coords": ones(1, 1, 1, 2).float(), "point_labels": ones(1, 1, 1).int()})
        session.obj_with_new_inputs.append(1)
    return {"inference_session": session, "frame_idx": 0}


def _open_vocabulary(facts: Facts) -> dict[str, Any]:
    """An image, the names of two things to look for, and the task in words (``OmDetTurbo``)."""
    words = text.words(facts, LENGTH)
    return {
        "pixel_values": floats(1, 3, *image.sides(facts)),
        "classes_input_ids": integers([words, words]),
        "classes_attention_mask": ones(2, LENGTH),
        "tasks_input_ids": integers([words]),
        "tasks_attention_mask": ones(1, LENGTH),
        "classes_structure": integers([2]),
    }


def _prompted_by_image(facts: Facts) -> dict[str, Any]:
    """An image and a prompt image, stacked vertically (``SegGpt``)."""
    height, width = image.sides(facts)
    half = floats(1, 3, height // 2, width)
    return {"pixel_values": half, "prompt_pixel_values": half, "prompt_masks": half}


def _waveform_and_features(facts: Facts) -> dict[str, Any]:
    """The same audio as a waveform and as features (``NeuCodec``)."""
    wave = next(audio.alternatives(facts, "input_values"))["input_values"]
    steps = wave.shape[-1] // 320
    return {"input_values": wave.reshape(1, 1, -1), "input_features": next(audio.features(facts, steps))}


def _action(facts: Facts) -> dict[str, Any]:
    """A camera image, text, and a sequence of actions (``PI0``)."""
    token = text.token_of(facts, "image") or 0
    per_image = (image.sides(facts)[0] // image.patch(facts)) ** 2
    width = facts.number("hidden_size", part="action")
    return {
        "action_embeds": floats(1, LENGTH, width),
        "pixel_values": floats(1, 1, 3, *image.sides(facts)),
        "pixel_attention_mask": ones(1, 1, dtype=torch.bool),
        "input_ids": integers([[token] * per_image + text.words(facts, LENGTH)]),
        "attention_mask": ones(1, per_image + LENGTH),
    }


def _speech_states(facts: Facts) -> dict[str, Any]:
    """Hidden states of the speech prenets (``SpeechT5`` without them)."""
    states = floats(1, LENGTH, facts.number("hidden_size"))
    return {"input_values": states, "decoder_input_values": states}


_FAMILIES: dict[frozenset[str], Callable[[Facts], dict[str, Any] | None]] = {
    frozenset({"inference_session"}): _tracker,
    frozenset({"classes_structure"}): _open_vocabulary,
    frozenset({"prompt_pixel_values"}): _prompted_by_image,
    frozenset({"input_values", "input_features", "output_latents"}): _waveform_and_features,
    frozenset({"action_embeds"}): _action,
    frozenset({"decoder_input_values", "speaker_embeddings"}): _speech_states,
}
"""The families, by the arguments that identify them."""
