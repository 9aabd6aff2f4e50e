"""Which models there are: each model type of the installed transformers, each model of torchvision and of timm."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [8, 12, 12]}
SETTINGS: dict[str, dict[str, object]] = {
    "autoformer": {"prediction_length": 24},
    "informer": {"prediction_length": 24},
    "time_series_transformer": {"prediction_length": 24},
    "timm_backbone": {"backbone": "resnet18"},
    "blip-2": {"image_token_index": 50265},
    "instructblip": {"image_token_index": 50265},
    "instructblipvideo": {"video_token_index": 50265},
    "deepseek_v2": {"num_experts_per_tok": 6, "moe_intermediate_size": 1408},
    "glm4v": {"text_config": {"rope_parameters": _ROPE}},
    "glm46v": {"text_config": {"rope_parameters": _ROPE}},
    "glmga": {"text_config": {"rope_parameters": _ROPE}},
    "glm_image": {"text_config": {"rope_parameters": _ROPE}},
    "glm4v_text": {"rope_parameters": _ROPE},
    "glm_image_text": {"rope_parameters": _ROPE},
    "glm4v_moe": {"text_config": {"num_attention_heads": 32, "rope_parameters": _ROPE}},
    "glm4v_moe_text": {"num_attention_heads": 32, "rope_parameters": _ROPE},
    "lw_detr": {"projector_scale_factors": [1.0]},
    "step3p7": {"text_config": {"sliding_window": 512}},
    "timm_wrapper": {"architecture": "resnet18"},
}
"""What must be said of a type whose default configuration leaves it out; without it the model can't be built, or not run."""


_NORMS = "without trained weights its backbone has BatchNorm2d, with them FrozenBatchNorm2d, which has buffers for parameters"
_PROPOSALS = "how many regions its heads look at depends on the values of the weights"
_HEADS = "with the two auxiliary classifiers of training, which are left out of the trained model, and of the run in eval mode"
_FLOW = "for a pair of images of 520×960, as its documentation asks for; what size the published number is for is not said"
_ROUNDED = "published with two digits"
DIFFERS: dict[str, str] = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": f"{_NORMS}; {_PROPOSALS}",
    "fasterrcnn_mobilenet_v3_large_fpn": f"{_NORMS}; {_PROPOSALS}",
    "fasterrcnn_resnet50_fpn": f"{_NORMS}; {_PROPOSALS}",
    "googlenet": _HEADS,
    "keypointrcnn_resnet50_fpn": f"{_NORMS}; {_PROPOSALS}",
    "maskrcnn_resnet50_fpn": f"{_NORMS}; {_PROPOSALS}",
    "quantized_googlenet": _HEADS,
    "quantized_shufflenet_v2_x0_5": _ROUNDED,
    "raft_large": _FLOW,
    "raft_small": _FLOW,
    "shufflenet_v2_x0_5": _ROUNDED,
}
"""Why a model of torchvision has other numbers than are published for it."""


@dataclass(frozen=True)
class Entry:
    """One model: ``type`` is its name in its library, ``target`` what modinspect is asked for."""

    family: str
    type: str
    class_name: str
    target: str


def entries(family: str) -> list[Entry]:
    """The models of one library, in the order of their names.

    Raises:
        ImportError: the library is not installed.
    """
    return list(FAMILIES[family]())


def _transformers() -> Iterator[Entry]:
    """One model a type: the one without a head (``AutoModel``), the first with a head for types that have no other.

    Types without any are the configurations of parts of models: they run within those.
    """
    from transformers.models.auto import configuration_auto, modeling_auto

    known = vars(configuration_auto)["CONFIG_MAPPING_NAMES"]
    names = sorted(name for name in vars(modeling_auto) if name.startswith("MODEL_") and name.endswith("_MAPPING_NAMES"))
    mappings = [modeling_auto.MODEL_MAPPING_NAMES, *(getattr(modeling_auto, name) for name in names)]
    found = {kind: next((mapping[kind] for mapping in mappings if kind in mapping), None) for kind in sorted(known)}
    classes = {kind: one if isinstance(one, str) else one[0] for kind, one in found.items() if one}
    for kind, name in classes.items():
        shared = sum(other == name for other in classes.values()) > 1
        settings = ", ".join(f"{key}={value!r}" for key, value in SETTINGS.get(kind, {}).items())
        target = f"transformers.{name}" + (f"({settings})" if settings else "")
        shared_target = f"zoo.models.of_type({kind!r}, {name!r}" + (f", {settings})" if settings else ")")
        yield Entry("transformers", kind, name, shared_target if shared else target)


def of_type(kind: str, class_name: str, **settings: object) -> nn.Module:
    """A model of a class that several types share, made from this type's configuration."""
    import transformers

    model: nn.Module = getattr(transformers, class_name)._from_config(transformers.AutoConfig.for_model(kind, **settings))
    return model


def _torchvision() -> Iterator[Entry]:
    import torchvision  # type: ignore[import-not-found,unused-ignore]

    for name in sorted(torchvision.models.list_models()):
        builder = torchvision.models.get_model_builder(name)
        takes = inspect.signature(builder).parameters
        settings: dict[str, object] = {"weights_backbone": None} if "weights_backbone" in takes else {}
        if name.startswith(("deeplab", "fcn")):
            settings["aux_loss"] = True  # as their weights are published
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        yield Entry("torchvision", name, name, f"{builder.__module__}:{builder.__name__}({given})")


def _timm() -> Iterator[Entry]:
    import timm  # type: ignore[import-not-found,unused-ignore]

    for name in timm.list_models():
        yield Entry("timm", name, name, f"timm.create_model({name!r})")


FAMILIES: dict[str, Callable[[], Iterator[Entry]]] = {
    "transformers": _transformers,
    "torchvision": _torchvision,
    "timm": _timm,
}
