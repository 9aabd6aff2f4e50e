"""What a report says of devices, buffers, quantized weights, generators, and inputs and outputs that are not tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import modinspect
from modinspect.report import OtherValue
from modinspect.trace import Weightless, trace, without_memory
from tests.trace.trace_helpers import Calls


def test_operands_and_results_carry_a_device_that_is_not_the_models() -> None:
    report = modinspect.inspect(Calls(lambda x: (x + 1, torch.ones(2, device="meta") * 2)), torch.ones(2))
    assert [([i.device for i in op.inputs], [o.device for o in op.outputs]) for op in report.ops] == [
        ([None], [None]),
        ([], ["meta"]),
        (["meta"], ["meta"]),
    ]


def test_repeated_calls_carry_the_device_too() -> None:
    report = modinspect.inspect(Calls(lambda x: [torch.ones(2, device="meta") * 2 for _ in range(3)]), torch.ones(2))
    assert [[o.device for o in op.outputs] for op in report.ops] == [["meta"]] * 6


def test_as_if_on_a_gpu_what_stays_on_the_cpu_says_so() -> None:
    class MakesAWeight(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            torch.rand(4)
            return self.fc(x)

    with without_memory() as replaced:
        model = MakesAWeight()
    device = torch.device("cuda", 0)
    report = trace(model, [torch.ones(1, 4)], weightless=Weightless(device, replaced))
    rand, linear = report.ops
    assert report.model.device == "cuda:0"
    assert [result.device for result in rand.outputs] == ["cpu"]
    assert [tensor.device for tensor in (*linear.inputs, *linear.outputs)] == [None] * 4


def test_buffers_that_state_dict_leaves_out_are_not_persistent() -> None:
    class Buffers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("saved", torch.ones(2))
            self.register_buffer("left_out", torch.ones(2), persistent=False)
            self.register_buffer("tied", self.left_out, persistent=False)
            self.register_buffer("tied_and_saved", torch.ones(3), persistent=False)
            self.register_buffer("its_other_name", self.tied_and_saved)

        def forward(self, x: Tensor) -> Tensor:
            return x

    model = Buffers()
    report = modinspect.inspect(model, torch.ones(2))
    assert {buffer.name: buffer.persistent for buffer in report.buffers} == {
        "saved": True,
        "left_out": False,
        "tied_and_saved": True,
    }
    saved = {buffer.name for buffer in report.buffers if {buffer.name, *buffer.aliases} & model.state_dict().keys()}
    assert saved == {buffer.name for buffer in report.buffers if buffer.persistent}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif("none" in torch.backends.quantized.supported_engines[1:], reason="no engine for quantized modules")
def test_quantized_modules_say_what_is_packed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        float_model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
        model = torch.ao.quantization.quantize_dynamic(float_model, {nn.Linear}, dtype=torch.qint8)
        report = modinspect.inspect(model, torch.ones(2, 4))
    assert [(t.name, t.shape, t.dtype, t.numel) for t in report.packed] == [
        ("0.weight", (3, 4), "qint8", 12),
        ("0.bias", (3,), "float32", 3),
        ("2.weight", (2, 3), "qint8", 6),
    ]
    assert report.totals.params == 0
    assert [module.layer for module in report.modules if module.path in ("0", "2")] == [True, True]
    assert not any(op.hidden for op in report.ops)


def test_complex_parameters_count_elements_and_their_bytes() -> None:
    model = nn.Linear(3, 2, dtype=torch.complex64)
    totals = modinspect.inspect(model, torch.ones(1, 3, dtype=torch.complex64)).totals
    assert (totals.params, totals.param_bytes) == (3 * 2 + 2, 8 * 8)


def test_a_forward_that_is_a_generator_is_run_to_its_end() -> None:
    class Yields(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Iterator[Tensor]:
            for scale in (1, 2):
                yield self.fc(x * scale)

    report = modinspect.inspect(Yields(), torch.ones(2, 4))
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["mul", "linear", "mul", "linear"]
    assert [(output.path, output.shape) for output in report.outputs] == [("0", (2, 3)), ("1", (2, 3))]
    assert report.model.notes == ("forward is a generator: its 2 items are the outputs",)


def test_a_generator_without_an_end_is_left_after_a_thousand_items() -> None:
    def endless(x: Tensor) -> Iterator[Tensor]:
        while True:
            yield x + 1

    report = modinspect.inspect(Calls(endless), torch.ones(2))
    assert len(report.ops) == 1000
    assert report.model.notes == ("forward is a generator: its first 1000 items are the outputs",)


def test_inputs_and_outputs_that_are_not_tensors_are_listed() -> None:
    class Reads(nn.Module):
        def forward(self, texts: list[str], image: Any, *, lang: str, x: Tensor) -> dict[str, Any]:
            return {"y": x + 1, "labels": ["a", "b"], "scores": np.zeros((2, 3), dtype=np.float32)}

    report = modinspect.inspect(Reads(), ["one", "two", "three"], np.zeros((4, 5, 3), np.uint8), lang="de", x=torch.ones(2))
    assert report.other_inputs == (
        OtherValue("texts", "list[str]", (3,), None),
        OtherValue("image", "numpy.ndarray", (4, 5, 3), "uint8"),
        OtherValue("lang", "str", None, None),
    )
    assert report.other_outputs == (
        OtherValue("labels", "list[str]", (2,), None),
        OtherValue("scores", "numpy.ndarray", (2, 3), "float32"),
    )
    assert [output.path for output in report.outputs] == ["y"]


def test_an_image_is_an_input() -> None:
    image = pytest.importorskip("PIL.Image")
    report = modinspect.inspect(Calls(lambda picture: torch.ones(1)), image.new("RGB", (8, 6)))
    assert report.other_inputs == (OtherValue("args.0", "PIL.Image", (6, 8, 3), "RGB"),)
