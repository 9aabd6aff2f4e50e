"""A sample of the zoo, without any ``--input``: small models of many kinds, and the laws held on each."""

from __future__ import annotations

import functools
import gc
import hashlib
import json
import os
import subprocess
import sys
import warnings
import weakref
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary

import modinspect
from modinspect.report import Report
from modinspect.session import Recipe, Request
from modinspect.target import load
from modinspect.trace import trace
from tests.data_helpers import replace
from tests.trace.trace_helpers import AtenSeen, attributed, bits, photograph_of_process, without_detaches

pytest.importorskip("transformers")

from zoo import page, rows
from zoo.models import Entry
from zoo.run import look_at
from zoo.sample import SAMPLE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

TAKES = {
    "bert": {"input_ids": (3, 5)},
    "llama": {"input_ids": (3, 5)},
    "mixtral": {"input_ids": (3, 5)},
    "mamba": {"input_ids": (3, 5)},
    "t5": {"input_ids": (3, 5), "decoder_input_ids": (3, 5), "decoder_attention_mask": (3, 5)},
    "vit": {"pixel_values": (1, 3, 32, 32)},
    "convnext": {"pixel_values": (1, 3, 64, 64)},
    "resnet": {"pixel_values": (1, 3, 224, 224)},
    "swin": {"pixel_values": (1, 3, 56, 56)},
    "wav2vec2": {"input_values": (1, 17280)},
    "whisper": {"input_features": (1, 80, 100), "decoder_input_ids": (1, 8)},
    "videomae": {"pixel_values": (1, 4, 3, 32, 32)},
    "patchtst": {"past_values": (1, 32, 1), "past_observed_mask": (1, 32, 1), "future_values": (1, 24, 1)},
    "autoformer": {
        "past_values": (1, 15),
        "past_observed_mask": (1, 15),
        "past_time_features": (1, 15, 0),
        "future_values": (1, 8),
        "future_time_features": (1, 8, 0),
    },
    "clip": {"pixel_values": (1, 3, 64, 64), "input_ids": (1, 16)},
    "qwen2_5_vl": {
        "pixel_values": (64, 1176),
        "image_grid_thw": (1, 3),
        "pixel_values_videos": (128, 1176),
        "video_grid_thw": (1, 3),
        # 16 words, 16 places for the image and 32 for the video, with a mark before and behind each
        "input_ids": (1, 16 + 18 + 34),
        "mm_token_type_ids": (1, 16 + 18 + 34),
    },
}
"""What each is called with, by what its configuration says."""


@functools.cache
def weightless(name: str) -> Report:
    return modinspect.inspect_target(SAMPLE[name], device="weightless", crosscheck=False)


def built(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """The model with its weights, and what it is called with."""
    recipe = Recipe(load(SAMPLE[name]), Request(SAMPLE[name]), lambda _: None, name)
    model = recipe.build().eval()
    inputs = next(recipe.candidates(model, "cpu", None, []))
    assert inputs.args == ()
    return model, dict(inputs.kwargs)


TORCH = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))

READS_ADDRESSES = {"mixtral"} if TORCH < (2, 11) else set()
"""Experts whose code asks, for an older torch, whether the weights lie at even addresses: without memory they lie nowhere."""

every = pytest.mark.parametrize("name", SAMPLE)
every_weightless = pytest.mark.parametrize("name", [name for name in SAMPLE if name not in READS_ADDRESSES])


@every_weightless
def test_it_runs_on_inputs_that_are_guessed(name: str) -> None:
    report = weightless(name)
    assert report.error is None
    assert {given.name: given.shape for given in report.inputs} == TAKES[name]
    assert report.totals.ops > 20


@every_weightless
def test_without_memory_it_reports_what_it_reports_with_it(name: str) -> None:
    def alike(report: Report) -> Report:
        plain = tuple(replace(op, kept=None) for op in report.ops)  # what outlives the run is the run's own
        return replace(report, model=replace(report.model, execution="real"), ops=plain)

    real = modinspect.inspect_target(SAMPLE[name], device="cpu", crosscheck=False)
    assert alike(weightless(name)) == alike(real)


@every_weightless
def test_parameters_and_flops_are_those_of_the_real_model(name: str) -> None:
    model, kwargs = built(name)
    unique = {id(parameter): parameter.numel() for parameter in model.parameters()}
    assert weightless(name).totals.params == sum(unique.values()) > 0
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(**kwargs)
    assert weightless(name).totals.flops == counter.get_total_flops() > 0


@every
def test_each_operator_that_ran_stands_in_an_op(name: str) -> None:
    model, kwargs = built(name)
    watcher = AtenSeen()
    report = trace(model, (), kwargs, observer=lambda _: watcher)
    assert report.error is None
    assert len(watcher.seen) > 20
    assert without_detaches(attributed(report)) == without_detaches(watcher.seen)


def photograph(model: nn.Module, kwargs: dict[str, Any]) -> dict[str, Any]:
    """All that an inspection must leave as it was."""
    photo: dict[str, Any] = {"process": photograph_of_process()}
    given = {f"input {name}": value for name, value in kwargs.items() if isinstance(value, Tensor)}
    for name, tensor in [*given.items(), *model.named_parameters(), *model.named_buffers()]:
        hooks = dict(tensor._backward_hooks or {})
        photo[name] = (id(tensor), str(tensor.device), bits(tensor), tensor.requires_grad, bits(tensor.grad), hooks)
    for path, module in model.named_modules():
        hooks = {key: list(value) for key, value in vars(module).items() if key.endswith("hooks") and value is not None}
        attributes = {key: id(value) for key, value in vars(module).items()}
        photo[f"module {path}"] = (id(module), module.training, attributes, hooks)
    return photo


@pytest.mark.parametrize("train", [False, True])
@every
def test_the_model_is_afterwards_what_it_was_to_the_bit(name: str, train: bool) -> None:
    model, kwargs = built(name)
    model.train(train)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = photograph(model, kwargs)
    report = modinspect.inspect(model, **kwargs)
    after = photograph(model, kwargs)
    assert report.ops != ()
    assert [key for key in before if before[key] != after.get(key)] == []
    assert before.keys() == after.keys()


def test_the_photograph_shows_what_a_bare_run_in_training_changes() -> None:
    model, kwargs = built("resnet")
    model.train()
    before = photograph(model, kwargs)
    model(**kwargs)
    changed = {key.rpartition(".")[2] for key, value in photograph(model, kwargs).items() if before.get(key) != value}
    assert {"running_mean", "running_var", "num_batches_tracked"} <= changed


def outlives(model: nn.Module, kwargs: dict[str, Any], *, inspected: bool) -> list[str]:
    """The modules whose outputs are alive when a run is over and its answer is gone."""
    made: list[tuple[str, weakref.ref[Tensor]]] = []

    def remember(module: nn.Module, args: Any, output: Any) -> None:
        leaves = tree_leaves(list(output.values()) if isinstance(output, Mapping) else output)
        made.extend((type(module).__name__, weakref.ref(leaf)) for leaf in leaves if isinstance(leaf, Tensor))

    inputs = {id(value) for value in kwargs.values()}
    gc.collect()
    gc.disable()  # what is kept by a cycle alone is kept, too
    handle = register_module_forward_hook(remember)
    try:
        if inspected:
            report = modinspect.inspect(model, **kwargs)
            assert report.error is None
        else:
            with torch.no_grad():
                model(**kwargs)
        assert len(made) > 5
        own = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]} | inputs
        return [name for name, reference in made if (tensor := reference()) is not None and id(tensor) not in own]
    finally:
        handle.remove()
        gc.enable()


@every
def test_no_activation_outlives_the_run(name: str) -> None:
    model, kwargs = built(name)
    assert Counter(outlives(model, kwargs, inspected=True)) <= Counter(outlives(model, kwargs, inspected=False))


@every_weightless
def test_two_inspections_report_the_same(name: str) -> None:
    again = modinspect.inspect_target(SAMPLE[name], device="weightless", crosscheck=False)
    assert again == weightless(name)


OTHER_PROCESS = """
import sys
sys.path[:0] = sys.argv[1:]
from test_zoo import digests
print(digests())
"""


def digests() -> str:
    """What is said of each, as short as can be compared."""
    texts = {name: json.dumps(weightless(name).to_dict()) for name in SAMPLE if name not in READS_ADDRESSES}
    return json.dumps({name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()})


@pytest.mark.process
def test_another_process_reports_the_same() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "HF_HUB_OFFLINE": "1"}
    paths = [str(ROOT / "tests"), str(ROOT / "tests" / "trace"), str(ROOT)]
    command = [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(digests())


# -- the page


def test_a_model_becomes_a_row_and_rows_become_the_page(tmp_path: Path) -> None:
    row = look_at(Entry("transformers", "bert", "BertModel", SAMPLE["bert"]))
    totals = weightless("bert").totals
    assert (row.built, row.ran, row.execution, row.reason) == (True, True, "weightless", "")
    assert (row.ops, row.params, row.flops, row.given) == (totals.ops, totals.params, totals.flops, "input_ids 3×5")
    unbuilt = look_at(Entry("transformers", "wrong", "BertModel", "transformers.BertModel(hidden_size=33)"))
    assert (unbuilt.built, unbuilt.ran) == (False, False)
    assert "not a multiple of the number of attention heads" in unbuilt.reason
    file = tmp_path / "rows.jsonl"
    for one in (replace(row, ran=False, reason="at first"), row, unbuilt):
        rows.write(one, file)
    assert list(rows.read(file)) == [row, unbuilt]
    text = page.page(list(rows.read(file)))
    assert "| 2 | 1 | 1 | 100.0% | 1 | 1 |" in text
    assert f"| bert | BertModel | input\\_ids 3×5 (dummy\\_inputs) | weightless | {totals.ops} |" in text.replace("_", "\\_")
    assert f"| wrong | BertModel | {unbuilt.reason} |" in text


def test_what_ends_in_a_forward_that_raises_is_built_and_says_why() -> None:
    row = look_at(Entry("transformers", "bark", "BarkModel", "torch.nn.Bilinear(2, 3, 4)"))
    assert (row.built, row.ran, row.reason) == (True, False, "no input was found")


# -- independent checks: torch.export finds the operators in another way, torchinfo the shapes

EXPORTED = ("bert", "vit", "convnext", "resnet", "swin", "wav2vec2", "videomae", "patchtst", "clip")
"""The others give caches, which export knows no way to give, or decide by values."""

SPELLED = {
    "addmm": "linear",
    "mm": "linear",
    "matmul": "linear",
    "conv1d": "convolution",
    "conv2d": "convolution",
    "conv3d": "convolution",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
    "native_batch_norm": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "_weight_norm_interface": "_weight_norm",
    "_scaled_dot_product_flash_attention_for_cpu": "scaled_dot_product_attention",
    "max_pool2d_with_indices": "max_pool2d",
    "adaptive_avg_pool1d": "mean",
    "adaptive_avg_pool2d": "mean",
    "constant_pad_nd": "pad",
}
"""What one leaves whole the other has taken apart: docs/against-others.md."""

PLUMBING = set(
    "add add_ view _unsafe_view t permute expand unsqueeze squeeze clone as_strided_ arange ge le empty type_as "
    "_assert_tensor_metadata".split()
)
"""Views and copies, masks that export makes while it traces, and sums: a linear layer may be a product and a sum."""


def counted(names: list[str]) -> Counter[str]:
    plain = [SPELLED.get(name, name) for name in names]
    return Counter(name for name in plain if name not in PLUMBING)


@pytest.mark.skipif(TORCH < (2, 13), reason="what torch.export takes apart is that of torch 2.13")
@pytest.mark.parametrize("name", EXPORTED)
def test_export_counts_the_same_operators(name: str) -> None:
    model, kwargs = built(name)
    ours = counted([aten.split(".")[1] for op in trace(model, (), kwargs).ops for aten in op.aten])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch.export.export(model, (), kwargs, strict=False).run_decompositions({}).graph
    targets = [str(node.target) for node in graph.nodes if node.op == "call_function"]
    assert ours == counted([target.split(".")[1] for target in targets if target.startswith("aten.")])
    assert ours.total() > 10


@every
def test_torchinfo_sees_the_same_shapes_of_the_layers_of_torch(name: str) -> None:
    model, kwargs = built(name)
    report = trace(model, (), kwargs)
    classes = {info.path: info.class_name for info in report.modules if info.layer}
    ours = [
        (classes[call.module], list(call.outputs[0].shape or ()))
        for call in report.calls
        if call.module in classes and not classes[call.module].startswith("Parametrized")
    ]
    seen = summary(model, input_data=kwargs, verbose=0).summary_list
    theirs = [
        (one.class_name, list(one.output_size))
        for one in seen
        if one.is_leaf_layer and type(one.module).__module__.startswith("torch.nn.modules.")
    ]
    assert ours == theirs
    assert len(ours) > 4
