"""torchinfo's mult-adds, and the reason why ours differ. The numbers are worked out by torchinfo's rule by hand."""

from __future__ import annotations

from modinspect.render.table import table_text
from modinspect.report import CrossCheck, Report
from tests.data_helpers import replace
from tests.render.render_reports import Forward


def torchinfo_line(report: Report, params: int, mult_adds: int) -> str:
    text = table_text(replace(report, torchinfo=CrossCheck("1.8.0", params, params, mult_adds, 1)), 200, encoding="utf-8")
    return next(line for line in text.splitlines() if line.startswith("torchinfo"))


def one_layer(name: str, output: tuple[int, ...], macs: int, **parameters: tuple[int, ...]) -> Report:
    run = Forward()
    run.module("layer", name, layer=True)
    for key, shape in parameters.items():
        run.parameter(f"layer.{key}", *shape)
    with run.call("", output):
        run.layer("layer", output, flops=2 * macs)
    return run.report()


def test_a_linear_layer_counts_once_per_sample() -> None:
    # 2 samples of 7 tokens: 2 * 7 * 12 here, 2 * (12 + 3) there.
    report = one_layer("Linear", (2, 7, 3), 168, weight=(3, 4), bias=(3,))
    line = torchinfo_line(report, 0, 30)
    assert line.endswith("0 parameters (same) · 30 mult-adds (168 here: it counts Linear once per sample, and biases)")


def test_a_convolution_differs_by_its_bias() -> None:
    # 6 * 6 positions, 8 * 3 * 3 * 3 weights and 8 biases: 7,776 here, 8,064 there.
    report = one_layer("Conv2d", (1, 8, 6, 6), 7_776, weight=(8, 3, 3, 3), bias=(8,))
    assert "8,064 mult-adds (7,776 here: it counts biases)" in torchinfo_line(report, 0, 8_064)


def test_a_class_with_conv_in_its_name_counts_as_a_convolution() -> None:
    # (1, 5, 6) from 4 features: 5 * 24 here, 6 positions * 24 weights there.
    report = one_layer("Conv1D", (1, 5, 6), 120, weight=(4, 6))
    assert "144 mult-adds (120 here: it counts Conv1D as a convolution)" in torchinfo_line(report, 0, 144)


def test_the_weights_of_norms_count() -> None:
    report = one_layer("LayerNorm", (4, 8), 0, weight=(8,), bias=(8,))
    assert "64 mult-adds (0 here: it counts the weights of LayerNorm)" in torchinfo_line(report, 0, 64)


def test_a_layer_with_children_counts_nothing() -> None:
    run = Forward()
    run.module("attention", "MultiheadAttention", layer=True)
    run.module("attention.out_proj", "Linear", layer=True)
    with run.call("", (2, 4)):
        run.layer("attention", (2, 4), flops=1_000)
    assert "0 mult-adds (500 here: it counts nothing of MultiheadAttention)" in torchinfo_line(run.report(), 0, 0)


def test_small_parts_of_the_difference_are_not_named() -> None:
    run = Forward()
    run.module("fc", "Linear", layer=True)
    run.parameter("fc.weight", 100, 100)
    run.parameter("fc.bias", 100)
    with run.call("", (1, 100)):
        run.layer("fc", (1, 100), flops=20_000)
        run.op("torch.matmul", (1, 100), flops=2_000_000)
    # The biases are 100 of a difference of 1,000,100.
    assert "10.1 k mult-adds (1.01 M here: it counts no hidden ops)" in torchinfo_line(run.report(), 0, 10_100)


def test_tied_weights_count_several_times() -> None:
    run = Forward()
    run.module("", "Net", params=12)
    run.module("embed", "Embedding", layer=True)
    run.module("head", "Linear", layer=True)
    run.parameter("embed.weight", 3, 4, aliases=["head.weight"])
    with run.call("", (1, 3)):
        run.layer("embed", (1, 4))
        run.layer("head", (1, 3))
    assert "24 parameters (12 here: it counts tied weights several times)" in torchinfo_line(run.report(), 24, 0)
