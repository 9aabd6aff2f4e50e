"""One image, in the layouts that models take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from modinspect.inputs.guess.model_attributes import input_size
from modinspect.inputs.guess.transformers.documented_tensors import as_documented
from modinspect.inputs.guess.transformers.facts import LENGTH, Facts
from modinspect.inputs.tensors import floats, integers, ones
from modinspect.registered import modules

SIDE = 224
"""The side of an image in pixels, if the configuration has none."""

_GRIDS = ("image_grid_thw", "grid_thw", "image_grid_hws", "grid_hws", "image_grid_hw")


def argument(facts: Facts) -> str | None:
    """The argument of ``forward`` that takes an image."""
    for name in facts.parameters:
        if ("pixel_values" in name and "video" not in name and "local" not in name) or name in ("flattened_patches", "image"):
            return name
    return "hidden_states" if {"hidden_states", "grid_thw"} <= set(facts.required) else None


def alternatives(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Candidates for the image arguments: those with companion arguments first, then the image only."""
    seen = set()
    films = "video" in facts.modalities or "text" not in facts.modalities
    for layout in (_as_video, *_LAYOUTS) if films else (*_LAYOUTS, _as_video):
        for arguments in layout(facts, name):
            key = str({key: getattr(value, "shape", value) for key, value in arguments.items()})
            if key not in seen:
                seen.add(key)
                yield arguments


def sides(facts: Facts, part: str = "image") -> tuple[int, int]:
    """Height and width from the configuration, or else a multiple of the patch size near 224."""
    said = _said_sides(facts, part)
    if said is not None:
        return said
    unit = patch(facts, part) * merge(facts, part)
    side = unit * max(1, round(SIDE / unit))
    return side, side


def _said_sides(facts: Facts, part: str = "image") -> tuple[int, int] | None:
    found = facts.find(
        "image_size", "img_size", "crop_size", "input_size", "resolution", "pretrain_image_size", "max_img_size", part=part
    )
    if isinstance(found, dict):
        found = (found.get("height"), found.get("width"))
    if isinstance(found, int):
        found = (found, found)
    if isinstance(found, (tuple, list)) and len(found) >= 2 and all(isinstance(side, int) for side in found[-2:]):
        return found[-2], found[-1]
    for module in modules(facts.model):
        timm = input_size(module)  # a timm model inside this one
        if timm is not None:
            return timm[1][-2], timm[1][-1]
    return None


def patch(facts: Facts, part: str = "image") -> int:
    """The side of a patch in pixels; 1 without patches."""
    return facts.number("patch_size", "spatial_patch_size", part=part, default=1)


def merge(facts: Facts, part: str = "image") -> int:
    """The number of patches per side that are merged into one."""
    return facts.number("spatial_merge_size", "merge_size", "merge_kernel_size", "pooling_kernel_size", part=part, default=1)


def channels(facts: Facts, part: str = "image") -> int:
    """The number of colour channels; 3 by default."""
    found = facts.number("num_channels", "in_chans", "in_channels", "input_channels", part=part, default=3)
    return found if found in (1, 2, 3, 4) else 3


def dims(facts: Facts) -> dict[str, int]:
    """The sizes of an image, by their documented names."""
    height, width = sides(facts)
    color = channels(facts)
    return {"height": height, "width": width, "image_size": height, "num_channels": color, "channels": color}


def patches(facts: Facts, frames: int, part: str) -> Iterator[tuple[tuple[int, int, int], Any]]:
    """An image as patches: their grid, and a sequence of them (``Qwen2VL``).

    Args:
        facts: of the model's configuration
        frames: how many images, in time
        part: the part of the configuration that describes the images
    """
    side, color = patch(facts, part), channels(facts, part)
    along = 4 * merge(facts, part)
    grid = (frames, along, along)
    count, depth = math.prod(grid), facts.number("temporal_patch_size", "patch_temporal", part=part, default=1)
    for width in dict.fromkeys((color * depth * side * side, color * side * side)):
        yield grid, floats(count, width)
    yield grid, floats(count, color, side, side)
    yield grid, floats(1, count, color, side, side)
    merged = merge(facts, part)
    for blocks in dict.fromkeys((count // merged**2, count)):  # the grid counts patches, or blocks that are merged
        yield grid, floats(blocks, side * merged, side * merged, color)


def _with_grid(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    grids = [grid for grid in _GRIDS if grid in facts.parameters]
    for grid_name in grids:
        for grid, pixels in patches(facts, 1, "image"):
            given = {name: pixels, grid_name: integers([grid if grid_name.endswith("thw") else grid[1:]])}
            sizes = [name for name in facts.parameters if name in ("merge_sizes", "image_merge_sizes")]
            yield {**given, **{name: integers([merge(facts)]) for name in sizes}}


def _plain(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    color = channels(facts)
    others = () if _said_sides(facts) else ((384, 384), (512, 512), (1536, 1536))
    for height, width in dict.fromkeys((sides(facts), *others)):
        image = floats(1, color, height, width)
        if "image_sizes" in facts.parameters:
            yield {name: image.unsqueeze(1).repeat(1, 3, 1, 1, 1), "image_sizes": integers([[height, width]])}
            yield {name: image, "image_sizes": integers([[height, width]])}
        yield {name: image}
        mask = "pixel_attention_mask"
        if mask in facts.parameters:
            yield {name: image.unsqueeze(1), mask: ones(1, 1, height, width, dtype=torch.bool)}
        yield {name: image.unsqueeze(1)}
        yield {name: image.unsqueeze(1).repeat(1, 2, 1, 1, 1)}  # two images to match


def _documented(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    for image in as_documented(facts, name, dims(facts)):
        yield {name: image}


def _with_shapes(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Patches with a mask, and the image's shape in patches (``Siglip2``)."""
    if "spatial_shapes" in facts.parameters:
        count = facts.number("num_patches", part="image", default=256)
        along = math.isqrt(count)
        pixels = floats(1, along * along, channels(facts) * patch(facts) ** 2)
        yield {name: pixels, "pixel_attention_mask": ones(1, along * along), "spatial_shapes": integers([[along, along]])}


def _with_sizes(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Patches next to each other, and their numbers per column and row (``MiniCPMV``)."""
    if "target_sizes" in facts.parameters:
        along, side = 4 * merge(facts), patch(facts)
        yield {name: floats(1, channels(facts), side, side * along**2), "target_sizes": integers([[along, along]])}


def _with_positions(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Patches, each with its position in the image (``Gemma4``)."""
    for positions in ("image_position_ids", "pixel_position_ids"):
        if positions in facts.parameters:
            along = 4 * merge(facts)
            pixels = floats(1, along * along, channels(facts) * patch(facts) ** 2)
            yield {name: pixels, positions: integers([[[x, y] for y in range(along) for x in range(along)]])}


def _with_ratio(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Tiles and their aspect ratio (``Mllama``)."""
    if "aspect_ratio_ids" in facts.parameters:
        tiles = facts.number("max_num_tiles", part="image", default=1)
        pixels = floats(1, 1, tiles, channels(facts), *sides(facts))
        yield {name: pixels, "aspect_ratio_ids": ones(1, 1), "aspect_ratio_mask": ones(1, 1, tiles)}


def _twice(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """The image, and the same at a higher resolution (``DeepseekVLHybrid``)."""
    if f"high_res_{name}" in facts.parameters:
        finer = facts.number("image_size", part="finer", default=1024)
        image = floats(1, channels(facts), *sides(facts))
        yield {name: image, f"high_res_{name}": floats(1, channels(facts), finer, finer)}


def _flat(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """A sequence of patches (``Fuyu``)."""
    if patch(facts) > 1:
        yield {name: floats(1, LENGTH, channels(facts) * patch(facts) ** 2)}


def _in_rows(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Flattened patches, each preceded by its row and column (``Pix2Struct``)."""
    if name == "flattened_patches":
        width = facts.number("patch_embed_hidden_size", part="image", default=channels(facts) * patch(facts) ** 2)
        rows = floats(1, 16, 2 + width)
        rows[..., :2] = integers([[1 + i // 4, 1 + i % 4] for i in range(16)])
        yield {name: rows}


def _in_windows(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """An image of complete windows of complete patches (``RfDetr``)."""
    unit = patch(facts) * facts.number("num_windows", part="image")
    if unit:
        side = unit * max(1, round(sides(facts)[0] / unit))
        yield {name: floats(1, channels(facts), side, side)}


def _larger(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Larger images, for models that downscale to the configured size (``DepthPro``)."""
    for side in (2 * sides(facts)[0], 4 * sides(facts)[0]):
        yield {name: floats(1, channels(facts), side, side)}


def _as_video(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Frames in the argument for images (``VideoMAE``)."""
    frames = facts.number("num_frames", "frames_per_clip", part="image")
    if frames:
        yield {name: floats(1, frames, channels(facts), *sides(facts))}


_LAYOUTS: tuple[Callable[[Facts, str], Iterator[dict[str, Any]]], ...] = (
    _with_grid,
    _with_shapes,
    _with_sizes,
    _with_positions,
    _with_ratio,
    _in_rows,
    _twice,
    _plain,
    _documented,
    _flat,
    _in_windows,
    _larger,
)
