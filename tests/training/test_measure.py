"""Estimates against what a GPU's allocator measured, and against sizes worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modinspect.errors import InputError, RunError, TargetError
from modinspect.memory import MemoryReport, parse_size
from modinspect.session import Request
from modinspect.training.estimate import Training
from modinspect.training.measure import measure_target

MEASURED = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "cuda_memory.jsonl").read_text().splitlines()]
MODELS = {
    "MLP b256": ("tests.training.models:MLP", "256,2048"),
    "UNet c32 b4 128": ("tests.training.models:UNet", "4,3,128,128"),
    "bert b8x128": ("transformers.BertModel", "8,128:int64"),
    "gpt2 b4x256": ("transformers.GPT2Model", "4,256:int64"),
    "llama-small b4x256": ("tests.training.models:llama", "4,256:int64"),
    "lstm b32x100": ("tests.training.models:lstm", "32,100,128"),
}
NAMES = {
    "eval_peak": "inference_peak",
    "train_fwd_end": "forward_end",
    "train_fwd_peak": "forward_peak",
    "train_bwd_peak": "backward_peak",
    "after_bwd": "after_backward",
    "adamw_step_peak": "step_peak",
    "after_adamw": "after_step",
    "step2_peak": "steady_peak",
}
CUBLAS = 33 * 2**20
"""The first measured model also counts what cuBLAS keeps for the process: 1 MiB in forward, and 33 MiB from backward on."""


def measured(target: str, *inputs: str, limit: int | None = None, dtype: str | None = None, **training: object) -> MemoryReport:
    return measure_target(Request(target, inputs, dtype=dtype), Training(**training), limit=limit)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("truth", MEASURED, ids=lambda truth: str(truth["name"]))
def test_what_an_h200_measured_is_estimated_within_three_percent(truth: dict[str, int]) -> None:
    target, spec = MODELS[str(truth["name"])]
    report = measured(target, spec)
    assert report.execution == "weightless"
    for theirs, ours in NAMES.items():
        once = 0 if truth["name"] != "MLP b256" else CUBLAS if "fwd" not in theirs and "eval" not in theirs else 2**20
        assert getattr(report.bytes, ours) == pytest.approx(truth[theirs] - once, rel=0.03), ours


def test_a_linear_layer_by_hand() -> None:
    report = measured("torch.nn:Linear(1024, 512, bias=False)", "256,1024")
    weight, x, y = 512 * 1024 * 4, 256 * 1024 * 4, 256 * 512 * 4
    sizes = report.bytes
    assert (sizes.params, sizes.inputs, sizes.buffers) == (weight, x, 0)
    assert sizes.inference_peak == sizes.forward_end == weight + x + y
    assert sizes.gradients == weight
    assert sizes.after_backward == weight + x + weight
    # AdamW keeps two tensors of the size of each parameter, and a step count.
    assert sizes.optimizer == 2 * weight + 512
    assert sizes.after_step == sizes.after_backward + 2 * weight + 512


def test_without_an_optimizer_nothing_is_kept_for_it() -> None:
    report = measured("torch.nn:Linear(1024, 512)", "256,1024", optimizer="none")
    assert report.bytes.optimizer == 0
    assert report.bytes.after_step == report.bytes.after_backward


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 0), ("sgd-momentum", 1), ("adam", 2)])
def test_optimizers_keep_so_many_copies_of_the_parameters(optimizer: str, copies: int) -> None:
    report = measured("torch.nn:Linear(1024, 1024, bias=False)", "8,1024", optimizer=optimizer)
    assert report.bytes.optimizer // (1024 * 1024 * 4) == copies


@pytest.mark.slow
def test_checkpointed_blocks_keep_their_inputs_only() -> None:
    encoder = "torch.nn:TransformerEncoder(TransformerEncoderLayer(256, 8, 1024, batch_first=True), 4)"
    whole, recomputed = measured(encoder, "8,128,256"), measured(encoder, "8,128,256", checkpoint=("layers.*",))
    block_input = 8 * 128 * 256 * 4
    kept = recomputed.bytes.forward_end - recomputed.bytes.params - recomputed.bytes.inputs
    assert kept == pytest.approx(4 * block_input, rel=0.02)
    assert recomputed.bytes.backward_peak < 0.6 * whole.bytes.backward_peak
    assert recomputed.bytes.after_backward == whole.bytes.after_backward


@pytest.mark.slow
def test_autocast_keeps_activations_in_half_precision() -> None:
    import torch

    whole = measured("tests.training.models:MLP", "4096,2048", optimizer="none")
    half = measured("tests.training.models:MLP", "4096,2048", optimizer="none", autocast=torch.bfloat16)
    assert half.bytes.params == whole.bytes.params
    at_rest = whole.bytes.params + whole.bytes.inputs
    # Half of the activations, and a copy of each weight in half precision, which autocast keeps until forward ends.
    assert half.bytes.forward_end - at_rest < 0.85 * (whole.bytes.forward_end - at_rest)


@pytest.mark.slow
def test_peaks_and_what_is_kept_name_the_line() -> None:
    report = measured("tests.training.models:MLP", "4096,2048")
    inference = report.peaks[0]
    assert (inference.phase, inference.op) == ("inference", "torch.Tensor.relu")
    assert inference.source is not None
    assert inference.source.code == "x = layer(x).relu()"
    # relu keeps its result for backward, and the next layer's linear keeps the same tensor
    assert report.kept[0].bytes == 6 * 4096 * 2048 * 4
    assert sum(report.timeline[0].bytes.values()) <= report.bytes.training_peak


@pytest.mark.slow
def test_the_largest_batch_that_fits_fits_and_the_next_one_does_not() -> None:
    limit = parse_size("600MiB")
    report = measured("tests.training.models:MLP", "64,2048", limit=limit)
    assert report.fits is True
    assert report.largest_batch is not None
    largest = report.largest_batch
    assert measured("tests.training.models:MLP", f"{largest},2048").bytes.training_peak <= limit
    assert measured("tests.training.models:MLP", f"{largest + 1},2048").bytes.training_peak > limit


@pytest.mark.slow
def test_what_would_fit_is_suggested() -> None:
    report = measured("transformers:GPT2Model(GPT2Config(n_layer=2))", "8,256:int64", limit=parse_size("700MiB"))
    assert report.fits is False
    assert [suggestion.split(" brings")[0] for suggestion in report.suggestions] == [
        "--checkpoint 'h.*'",
        "--autocast bfloat16",
        "--dtype bfloat16",
    ]


@pytest.mark.parametrize(
    ("target", "spec", "training", "error"),
    [
        ("torch.nn:Linear(3, 4)", "2,5", {}, RunError),
        ("torch.nn:Linear(3, 4)", "2,3", {"checkpoint": ("layers.*",)}, RunError),
        ("torch.nn:Nothing", "2,3", {}, TargetError),
        ("torch.nn:Linear(3, 4)", "2,x,y", {}, InputError),
    ],
)
def test_what_can_not_be_measured_is_said(target: str, spec: str, training: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        measured(target, spec, **training)
