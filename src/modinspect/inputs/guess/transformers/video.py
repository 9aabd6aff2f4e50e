"""A short video, in the layouts that models take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modinspect.inputs.guess.transformers.facts import Facts
from modinspect.inputs.guess.transformers.image import channels, merge, patch, patches, sides
from modinspect.inputs.tensors import floats, integers

FRAMES = 4
"""The number of frames, if the configuration has none."""


def argument(facts: Facts) -> str | None:
    """The argument of ``forward`` that takes a video."""
    return next((name for name in facts.parameters if "pixel_values_videos" in name or name == "videos"), None)


def alternatives(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Candidates for the video arguments."""
    frames = facts.number("num_frames", "frames_per_clip", part="video", default=FRAMES)
    if "video_grid_thw" in facts.parameters:
        for grid, pixels in patches(facts, 2, "video"):
            sizes = [name for name in facts.parameters if name == "video_merge_sizes"]
            yield {name: pixels, "video_grid_thw": integers([grid]), **{name: integers([merge(facts)]) for name in sizes}}
    if "video_position_ids" in facts.parameters:
        along = 4 * merge(facts)
        pixels = floats(1, frames, along * along, channels(facts) * patch(facts) ** 2)
        places = [[x, y] for y in range(along) for x in range(along)]
        yield {
            name: pixels,
            "video_position_ids": integers([[places] * frames]),
            "num_frames_per_video": integers([frames]),
        }
    yield {name: floats(1, frames, channels(facts, "video"), *sides(facts, "video"))}
    yield {name: floats(1, channels(facts, "video"), frames, *sides(facts, "video"))}
