"""The settings of layers in short, from what the layers of this torch say of themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from modinspect.render.table import View, table_text
from modinspect.render.table.settings import settings_forms
from tests.render.render_reports import Forward

LAYERS = [
    (lambda: nn.Conv2d(3, 64, 7, 2, 3), "3→64, k7 s2 p3"),
    (lambda: nn.Conv2d(3, 64, (3, 5), bias=False), "3→64, k3×5, no bias"),
    (lambda: nn.Conv1d(8, 8, 3, padding="same", dilation=2, groups=8), "8→8, k3 padding same d2, groups 8"),
    (lambda: nn.ConvTranspose2d(4, 2, 2, 2, output_padding=1), "4→2, k2 s2, output_padding=(1, 1)"),
    (lambda: nn.Linear(768, 3072), "768→3072"),
    (lambda: nn.Linear(32, 100, bias=False), "32→100, no bias"),
    (lambda: nn.Bilinear(1, 2, 3, bias=False), "in1_features=1, in2_features=2, out_features=3, no bias"),
    (lambda: nn.Dropout(0.1), "p=0.1"),
    (lambda: nn.LSTM(128, 256, 2, bidirectional=True), "128→256 ×2 bi"),
    (lambda: nn.GRU(3, 4, bias=False, dropout=0.0), "3→4, no bias"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="relu"), "3→4, nonlinearity=relu"),
    (lambda: nn.LayerNorm(32), "32"),
    (lambda: nn.LayerNorm((8, 8), eps=1e-6, elementwise_affine=False), "8×8, no affine, eps=1e-06"),
    (lambda: nn.BatchNorm2d(64), "64"),
    (lambda: nn.BatchNorm2d(64, momentum=None, track_running_stats=False), "64, momentum=None, no running stats"),
    (lambda: nn.GroupNorm(8, 64), "64, 8 groups"),
    (lambda: nn.InstanceNorm2d(4), "4"),
    (lambda: nn.InstanceNorm2d(4, affine=True), "4, affine"),
    (lambda: nn.Embedding(100, 32), "100→32"),
    (lambda: nn.Embedding(100, 32, padding_idx=0), "100→32, padding_idx=0"),
    (lambda: nn.MaxPool2d(3, 2, 1), "k3 s2 p1"),
    (lambda: nn.AdaptiveAvgPool2d((1, 1)), "output_size=(1, 1)"),
    (lambda: nn.ReLU(inplace=True), "inplace"),
    (nn.ReLU, ""),
    (nn.GELU, ""),
]


@pytest.mark.parametrize(("make", "short"), LAYERS, ids=[short or "nothing" for _, short in LAYERS])
def test_what_a_layer_says_in_short(make: Callable[[], nn.Module], short: str) -> None:
    layer = make()
    assert settings_forms(type(layer).__name__, layer.extra_repr())[0] == (f" {short}" if short else "")


def test_each_form_has_one_part_less() -> None:
    forms = settings_forms("Conv2d", "3, 64, kernel_size=(7, 7), stride=(1, 1), bias=False")
    assert forms == (" 3→64, k7, no bias", " 3→64, k7", " 3→64", "")


def test_the_whole_is_what_print_model_shows() -> None:
    assert settings_forms("Linear", "in_features=1, out_features=2, bias=True", whole=True) == (
        "(in_features=1, out_features=2, bias=True)",
        " 1→2",
        "",
    )
    assert settings_forms("ReLU", "", whole=True) == ("",)


@pytest.mark.parametrize("said", ["", "3", "out_features=2", "kernel_size", "=,=(", "a\nb", "(3, (4", "x" * 1000])
@pytest.mark.parametrize("class_name", ["Conv2d", "Linear", "LSTM", "GroupNorm", "LayerNorm", "MyEmbedding", "AvgPool1d"])
def test_a_class_of_that_name_may_say_anything(class_name: str, said: str) -> None:
    forms = settings_forms(class_name, said)
    assert forms[-1] == ""
    assert all("\n" not in form for form in forms)


def test_settings_give_way_at_the_end_and_never_in_a_number() -> None:
    run = Forward()
    run.module("fc", "Linear", layer=True, extra_repr="in_features=1000, out_features=2000, bias=False")
    with run.call("", (1, 2000)):
        run.layer("fc", (1, 2000), line=3)
        run.op("torch.nn.functional.scaled_dot_product_attention", (1, 2000), line=4)
    shown = {
        line.strip("├ ").split("  (")[0]
        for width in range(30, 160)
        for line in table_text(run.report(), width, View(), "utf-8").splitlines()
        if "fc" in line
    }
    assert shown >= {"fc  Linear 1000→2000, no bias", "fc  Linear"}
    assert {line.rstrip() for line in shown} <= {"fc  Linear 1000→2000, no bias", "fc  Linear 1000→2000", "fc  Linear", "fc"}


def drops(*, layer: bool) -> str:
    """Modules in a row of which the last has other settings."""
    run = Forward()
    for index, rate in enumerate((0.1, 0.1, 0.1, 0.2)):
        run.module(f"drops.{index}", "Dropout", layer=layer, extra_repr=f"mode=row, p={rate}, inplace=False")
    with run.call("", (1,)):
        for index in range(4):
            with run.call(f"drops.{index}", (1,)):
                pass
    return table_text(run.report(), 100, View(), "utf-8")


def test_layers_that_differ_in_a_number_are_not_folded() -> None:
    assert "drops.0–2  Dropout mode=row, p=0.1 ×3" in drops(layer=True)
    assert "drops.3  Dropout mode=row, p=0.2" in drops(layer=True)


def test_other_modules_that_differ_in_a_number_are_folded_and_show_what_is_common() -> None:
    assert "drops.0–3  Dropout mode=row ×4" in drops(layer=False)
