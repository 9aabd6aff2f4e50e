"""What a report says when ``forward`` raises: what ran before, the call that failed, whose it was, and why in words."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modinspect
from modinspect.report import ForwardError
from tests.trace.trace_helpers import Calls, calls, line, lines


def failed(model: nn.Module, *args: Any) -> ForwardError:
    error = modinspect.inspect(model, *args).error
    assert error is not None
    return error


def first_line(function: Callable[..., Any]) -> int:
    return function.__code__.co_firstlineno


def test_an_op_that_raises_is_named_with_the_operands_that_met() -> None:
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(12, 3))
    report = modinspect.inspect(model, torch.ones(2, 4))
    assert lines(report) == [
        "0 F.linear(input:0, param:0.weight, param:0.bias) -> (2, 10) flops=160",
        "1 F.relu(op:0) -> (2, 10)",
    ]
    error = report.error
    assert error is not None
    assert (error.type, error.module) == ("RuntimeError", "2")
    assert error.message.endswith("mat1 and mat2 shapes cannot be multiplied (2x10 and 12x3)")  # "addmm: " since torch 2.15
    assert error.op is not None
    assert line(error.op) == "2 F.linear(op:1, param:2.weight, param:2.bias) -> -"
    assert [operand.shape for operand in error.op.inputs] == [(2, 10), (3, 12), (3,)]
    assert error.op.index == 2
    assert f"RuntimeError: {error.message}" in error.traceback
    assert calls(report) == [".#0 [0:2]", ". > 0#0 [0:1]", ". > 1#0 [1:2]", ". > 2#0 [2:2]"]
    assert report.outputs == ()


def test_a_repeated_op_that_raises_is_named_too() -> None:
    """The second call of its kind goes another way through the engine; this one fails by its values."""
    table = torch.ones(3, 2)

    def forward(ids: Tensor) -> Tensor:
        return F.embedding(ids, table) + F.embedding(ids + 5, table)

    error = failed(Calls(forward), torch.tensor([0, 1]))
    assert error.type == "IndexError"
    assert error.op is not None
    assert line(error.op) == ". hidden F.embedding(op:1, unregistered:0) -> -"
    assert error.source is not None
    assert error.source.line == first_line(forward) + 1


def test_plain_python_that_raises_has_a_place_and_no_op() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.fc(x)
            return self.look_up(x)

        def look_up(self, x: Tensor) -> Tensor:
            return {"a": x}["b"]  # here

    error = failed(nn.Sequential(nn.ReLU(), Inner()), torch.ones(2, 4))
    assert (error.type, error.message, error.module, error.op, error.sentence) == ("KeyError", "'b'", "1", None, None)
    assert error.source is not None
    assert error.source.code == 'return {"a": x}["b"]  # here'


def test_python_inside_torch_that_raises_points_at_the_users_line() -> None:
    def forward(x: Tensor) -> Tensor:
        return nn.LSTM(4, 4)(x[None, None])  # here

    error = failed(Calls(forward), torch.ones(2, 4))
    assert error.source is not None
    assert error.source.code == "return nn.LSTM(4, 4)(x[None, None])  # here"
    assert error.message == "LSTM: Expected input to be 2D or 3D, got 4D instead"


def test_the_wrong_number_of_arguments_is_an_error_of_the_root() -> None:
    error = failed(nn.Linear(2, 2), torch.ones(2), torch.ones(2))
    assert (error.type, error.module, error.op) == ("TypeError", "", None)


def test_system_exit_is_reported_with_the_module_that_left() -> None:
    class Leaves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise SystemExit(3)

    error = failed(nn.Sequential(nn.ReLU(), Leaves()), torch.ones(2))
    assert (error.type, error.message, error.module) == ("SystemExit", "3", "1")


def test_endless_recursion_is_reported() -> None:
    class Endless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return self(x)

    report = modinspect.inspect(nn.Sequential(nn.ReLU(), Endless()), torch.ones(2))
    assert report.error is not None
    assert (report.error.type, report.error.module) == ("RecursionError", "1")
    assert lines(report) == ["0 F.relu(input:0) -> (2,)"]


def test_a_module_that_calls_itself_as_deep_as_it_can_alone_does_so_here() -> None:
    class Recursive(nn.Module):
        def forward(self, x: Tensor, more: int) -> Tensor:
            return self(x, more - 1) if more else x.relu()

    report = modinspect.inspect(Recursive(), torch.ones(2), 200)
    assert report.error is None
    assert len(report.calls) == 201


@pytest.mark.usefixtures("untraced")
def test_endless_recursion_points_at_the_models_line_though_torchinfo_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless.py").write_text(
        "from torch import nn\n\nclass Endless(nn.Module):\n    def forward(self, x):\n        return self(x)\n"
    )
    monkeypatch.chdir(tmp_path)
    error = modinspect.inspect_target("endless.py:Endless", ["2"]).error
    assert error is not None
    assert error.type == "RecursionError"
    assert error.source is not None
    assert (error.source.file, error.source.line) == ("endless.py", 5)


def test_an_interruption_is_passed_on() -> None:
    class Interrupted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        modinspect.inspect(nn.Sequential(Interrupted()), torch.ones(2))
    assert modinspect.inspect(nn.ReLU(), torch.ones(2)).error is None


def test_exceptions_that_the_model_catches_are_no_errors_and_shift_no_owner() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x + 1)

    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fails = Fails()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(2):
                try:
                    x = self.fails(x)
                except RuntimeError:
                    x = x * 2
            return self.fc(x)

    report = modinspect.inspect(nn.Sequential(Tries()), torch.ones(2, 4))
    assert report.error is None
    assert lines(report) == [
        "0.fails hidden Tensor.add(input:0) -> (2, 4)",
        "0 hidden Tensor.mul(input:0) -> (2, 4)",
        "0.fails#1 hidden Tensor.add(op:1) -> (2, 4)",
        "0 hidden Tensor.mul(op:1) -> (2, 4)",
        "0.fc F.linear(op:3, param:0.fc.weight, param:0.fc.bias) -> (2, 4) flops=64",
    ]


def test_an_error_after_one_that_was_caught_is_not_taken_for_it() -> None:
    """The second exception often gets the memory of the first, and with it its id."""

    def forward(x: Tensor) -> Tensor:
        for _ in range(5):
            with contextlib.suppress(RuntimeError):
                x @ torch.ones(5, 5)
        raise ValueError("plain")

    error = failed(nn.Sequential(nn.ReLU(), Calls(forward)), torch.ones(2, 4))
    assert (error.type, error.module, error.op) == ("ValueError", "1", None)


def test_an_error_raised_from_another_is_the_last_one() -> None:
    def forward(x: Tensor) -> Tensor:
        try:
            return x @ torch.ones(5, 5)
        except RuntimeError as error:
            raise ValueError("wrapped") from error

    error = failed(Calls(forward), torch.ones(2, 4))
    assert (error.type, error.message) == ("ValueError", "wrapped")
    assert error.source is not None
    assert error.source.code == 'raise ValueError("wrapped") from error'


def test_an_autograd_function_that_raises_names_the_call_inside() -> None:
    class Multiplies(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x @ torch.ones(5, 5)

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            return grad

    error = failed(Calls(Multiplies.apply), torch.ones(2, 4))
    assert error.op is not None
    assert error.op.name == "torch.Tensor.matmul"


def test_errors_inside_scripted_modules_are_reported() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Linear(4, 4)))
    error = failed(nn.Sequential(nn.ReLU(), scripted), torch.ones(2, 3))
    assert (error.type, error.module) == ("RuntimeError", "1")
    assert error.message.endswith("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x4)")
    assert error.op is not None
    assert line(error.op) == "1 hidden torch.ops.aten.addmm(param:1.0.bias, op:0, op:1) -> -"


def here(function: Callable[..., Any], offset: int = 0) -> str:
    return f"{function.__code__.co_filename}:{first_line(function) + offset}"


def sentence(model: nn.Module, *args: Any) -> str:
    found = failed(model, *args).sentence
    assert found is not None
    return found


def test_linear_in_words() -> None:
    def forward(x: Tensor) -> Tensor:
        return fc(x.view(1, 12))

    fc = nn.Linear(10, 5)
    said = sentence(Calls(forward, fc=fc), torch.ones(3, 4))
    where = failed(Calls(forward, fc=fc), torch.ones(3, 4)).source
    assert where is not None
    assert said == f"fc expects 10 features, got 12 from view at {where.file}:{where.line}"
    assert sentence(fc, torch.ones(3, 4)) == "F.linear expects 10 features, got 4 from the input"


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Conv2d(3, 8, 3), (1, 4, 9, 9), "0 expects 3 channels, got 4 from the input"),
        (nn.Conv2d(6, 8, 3, groups=2), (1, 4, 9, 9), "0 expects 6 channels, got 4 from the input"),
        (nn.Conv2d(3, 8, 3), (4, 9, 9), "0 expects 3 channels, got 4 from the input"),
        (nn.Conv2d(3, 8, 3), (9, 9), "0 expects 4 dimensions (N, C, H, W), got 2: (9, 9) from the input"),
        (nn.Conv1d(3, 8, 3), (1, 1, 3, 9), "0 expects 3 dimensions (N, C, L), got 4: (1, 1, 3, 9) from the input"),
        (nn.ConvTranspose2d(3, 8, 3), (1, 4, 9, 9), "0 expects 3 channels, got 4 from the input"),
        (nn.BatchNorm2d(3), (1, 4, 9, 9), "0 expects 3 channels, got 4 from the input"),
        (nn.GroupNorm(2, 6), (1, 4, 9, 9), "0 expects 6 channels, got 4 from the input"),
        (nn.LayerNorm(3), (2, 4), "0 expects the last dimensions (3,), got (2, 4) from the input"),
        (nn.LayerNorm((3, 4)), (2, 4), "0 expects the last dimensions (3, 4), got (2, 4) from the input"),
        (nn.RMSNorm(3), (2, 4), "0 expects the last dimensions (3,), got (2, 4) from the input"),
    ],
)
def test_layers_in_words(layer: nn.Module, shape: tuple[int, ...], words: str) -> None:
    assert sentence(nn.Sequential(layer), torch.ones(shape)) == words


def test_embedding_in_words() -> None:
    model = nn.Sequential(nn.Embedding(7, 4))
    assert sentence(model, torch.tensor([7])) == "0 has 7 rows: index 7 is out of range (0–6) from the input"
    said = sentence(model, torch.ones(2, 3))
    assert said == "0 expects integer indices, got float32 from the input: use -i 2,3:int64:0..7"


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.LSTM(5, 3), (2, 1, 4), "0 expects 5 features, got 4 from the input"),
        (nn.GRU(5, 3), (1, 2, 1, 4), "0 expects 2 or 3 dimensions, got 4: (1, 2, 1, 4) from the input"),
        (nn.LSTMCell(5, 3), (2, 4), "0 expects 5 features, got 4 from the input"),
        (nn.BatchNorm2d(3), (2, 3), "0 expects 4 dimensions, got 2: (2, 3) from the input"),
        (nn.Conv2d(1, 1, 3), (1, 1, 2, 2), "0 has a kernel of (3, 3), larger than (1, 1, 2, 2) from the input"),
        (
            nn.Conv1d(1, 1, 3, padding=1, dilation=3),
            (1, 1, 3),
            "0 has a kernel of (3,) with dilation (3,) and padding (1,), larger than (1, 1, 3) from the input",
        ),
    ],
)
def test_more_layers_in_words(layer: nn.Module, shape: tuple[int, ...], words: str) -> None:
    assert sentence(nn.Sequential(layer), torch.ones(shape)) == words


def test_a_layer_that_gets_all_that_another_returned_in_words() -> None:
    model = nn.Sequential(nn.LSTM(5, 3), nn.Linear(3, 2))
    assert sentence(model, torch.ones(2, 1, 5)).startswith(
        "1 expects one tensor, got several: (2, 1, 3), (1, 1, 3), (1, 1, 3) from 0 (torch.lstm)"
    )


def test_attention_in_words() -> None:
    attend = F.scaled_dot_product_attention
    said = sentence(Calls(lambda q, k: attend(q, k, k)), torch.ones(1, 2, 8), torch.ones(1, 2, 6))
    assert said == (
        "F.scaled_dot_product_attention: query (1, 2, 8) from the input and key (1, 2, 6) from the input "
        "differ in the last dimension, 8 and 6"
    )
    said = sentence(Calls(lambda q, mask: attend(q, q, q, attn_mask=mask)), torch.ones(1, 2, 8), torch.ones(3, 3))
    assert said == "F.scaled_dot_product_attention expects a mask of (..., 2, 2), got (3, 3) from the input"
    model = Calls(lambda x: attention(x, x, x), attention=(attention := nn.MultiheadAttention(8, 2)))
    assert sentence(model, torch.ones(2, 1, 6)) == "attention expects 8 features, got 6 from the input"


def test_losses_in_words() -> None:
    said = sentence(Calls(F.cross_entropy), torch.ones(2, 5), torch.tensor([1, 5]))
    assert said == "F.cross_entropy: target 5 is out of range for 5 classes (0–4) from the input"
    said = sentence(Calls(F.cross_entropy), torch.ones(2, 5), torch.tensor([1, 2, 3]))
    assert said == ("F.cross_entropy expects targets of shape (2,) for (2, 5) from the input, got (3,) from the input")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x.view(7), "view can't change (2, 3) from the input to (7,): it has 6 elements, not 7"),
        (
            lambda x: x.reshape((-1, 4)),
            "reshape can't change (2, 3) from the input to (-1, 4): 6 elements are not divisible by 4",
        ),
        (
            lambda x: x.expand(4, 3),
            "expand can't change (2, 3) from the input to (4, 3): dimension 0 has size 2, and only size 1 expands",
        ),
        (
            lambda x: x.expand(3),
            "expand can't change (2, 3) from the input to (3,): it needs a size for each of the 2 dimensions",
        ),
        (
            lambda x: torch.einsum("ij,ik->jk", x, x[:1, :].expand(3, 3)),
            "torch.einsum 'ij,ik->jk': i is 2 in (2, 3) from the input, but 3 in (3, 3) from expand at ",
        ),
        (lambda x: torch.einsum("ijk->i", x), "torch.einsum 'ijk->i': 'ijk' expects 3 dimensions, got (2, 3) from the input"),
        (lambda x: torch.einsum("ij,jk", x), "torch.einsum 'ij,jk' expects 2 tensors, got 1"),
        (lambda x: torch.bmm(x, x), "torch.bmm expects 3 dimensions (B, N, M), got (2, 3) from the input"),
        (lambda x: x.transpose(1, 2), "transpose: dimension 2 out of range (0–1) for (2, 3) from the input"),
        (lambda x: x.softmax(-3), "softmax: dimension -3 out of range (0–1) for (2, 3) from the input"),
        (lambda x: x.permute(0, 2, 1), "permute orders 3 dimensions, got (2, 3) from the input"),
        (lambda x: x[:, 3], "indexing: index 3 out of range (0–2) in dimension 1 of (2, 3) from the input"),
        (lambda x: x[0, 0, 0], "indexing: 3 indices for 2 dimensions, (2, 3) from the input"),
    ],
)
def test_shapes_indices_and_dimensions_in_words(function: Callable[[Tensor], Any], words: str) -> None:
    assert sentence(Calls(function), torch.ones(2, 3)).startswith(words)


def test_a_view_across_memory_in_words() -> None:
    said = sentence(Calls(lambda x: x.t().view(-1)), torch.ones(2, 3))
    assert said.startswith("view can't change (3, 2) from t at ")
    assert said.endswith(" to (-1,): its memory is not contiguous; use reshape")


def test_batches_and_places_to_write_in_words() -> None:
    said = sentence(Calls(torch.bmm), torch.ones(3, 2, 4), torch.ones(5, 4, 2))
    assert (
        said == "torch.bmm can't multiply (3, 2, 4) from the input by (5, 4, 2) from the input: their batch dimensions differ"
    )
    said = sentence(Calls(lambda a, b: a @ b), torch.ones(3, 2, 4), torch.ones(5, 4, 2))
    assert said == "matmul can't multiply (3, 2, 4) from the input by (5, 4, 2) from the input: their batch dimensions differ"
    said = sentence(Calls(lambda a, b: a.add_(b)), torch.ones(3), torch.ones(2, 3))
    assert said == "add_ can't write (2, 3) from the input into (3,) from the input"
    said = sentence(Calls(lambda a, b: torch.where(a > 0, a, b)), torch.ones(2, 3), torch.ones(2, 4))
    assert said.endswith("with (2, 4) from the input: 3 and 4 differ in dimension -1")


def test_matmul_in_words() -> None:
    said = sentence(Calls(lambda x: x @ x), torch.ones(2, 3))
    assert said == (
        "matmul can't multiply (2, 3) from the input by (2, 3) from the input: 3 columns, but 2 rows; "
        "did you mean x.transpose(-2, -1)?"
    )
    inner = nn.Sequential(Calls(lambda x: torch.bmm(x, x.transpose(0, 1))))
    assert sentence(inner, torch.ones(2, 3, 4)).startswith(
        "in 0, torch.bmm can't multiply (2, 3, 4) from the input by (3, 2, 4) from "
    )


def test_broadcasting_in_words() -> None:
    said = sentence(Calls(lambda x, y: x + y), torch.ones(2, 3), torch.ones(4))
    assert said == "add can't broadcast (2, 3) from the input with (4,) from the input: 3 and 4 differ in dimension -1"
    said = sentence(Calls(lambda x, y: x.mul_(y)), torch.ones(2, 3), torch.ones(4, 3))
    assert said == "mul_ can't broadcast (2, 3) from the input with (4, 3) from the input: 2 and 4 differ in dimension -2"


def test_concatenation_in_words() -> None:
    said = sentence(Calls(lambda x, y: torch.cat([x, x, y], dim=1)), torch.ones(2, 3), torch.ones(4, 3))
    assert said == "torch.cat along dimension 1 can't join (2, 3) from the input and (4, 3) from the input"
    # Along dimension 0 the first two fit: only the third is to blame.
    said = sentence(Calls(lambda x, y, z: torch.cat([x, y, z])), torch.ones(2, 3), torch.ones(4, 3), torch.ones(2, 5))
    assert said == "torch.cat along dimension 0 can't join (2, 3) from the input and (2, 5) from the input"
    said = sentence(Calls(lambda x, y: torch.stack([x, y])), torch.ones(2, 3), torch.ones(4, 3))
    assert said == "torch.stack along dimension 0 can't join (2, 3) from the input and (4, 3) from the input"


def test_dtypes_in_words() -> None:
    said = sentence(nn.Sequential(nn.Linear(4, 4)), torch.ones(2, 4, dtype=torch.float64))
    assert said == "in 0, F.linear: weight is float32 (0.weight), input is float64 (the input)"
    said = sentence(nn.Sequential(nn.Conv2d(3, 4, 1).half()), torch.ones(1, 3, 4, 4))
    assert said == "in 0, F.conv2d: weight is float16 (0.weight), input is float32 (the input)"
    said = sentence(Calls(lambda x: x @ x.double()), torch.ones(2, 2))
    assert said.startswith("matmul: other is float64 (double at ")
    assert said.endswith("), input is float32 (the input)")


def test_devices_in_words() -> None:
    said = sentence(nn.Sequential(nn.Linear(4, 4)), torch.ones(2, 4, device="meta"))
    assert said == "in 0, F.linear: input is on meta (the input), weight is on cpu (0.weight)"


@pytest.mark.usefixtures("untraced")
def test_devices_in_words_as_if_on_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two_devices.py").write_text(
        "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(4, 4)\n"
        "    def forward(self, x):\n        weight = torch.rand(3, 4)\n        return F.linear(x, weight)\n"
    )
    monkeypatch.chdir(tmp_path)
    error = modinspect.inspect_target("two_devices.py:Net", ["2,4"], device="weightless:cuda").error
    assert error is not None
    assert error.sentence == "F.linear: weight is on cpu (torch.rand at two_devices.py:10), input is on cuda:0 (the input)"


def test_an_input_that_a_layer_transposes_itself_is_still_the_input() -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    model = Calls(lambda x: attention(x, x, x), attention=attention)
    assert sentence(model, torch.ones(2, 3, 6)) == "attention expects 8 features, got 6 from the input"


def test_the_second_operand_is_named_as_the_code_does() -> None:
    said = sentence(Calls(lambda q, k: torch.bmm(q, k + 0)), torch.ones(2, 3, 4), torch.ones(2, 5, 4))
    assert said.endswith(": 4 columns, but 5 rows; did you mean (k + 0).transpose(-2, -1)?")
    said = sentence(Calls(lambda a, b: a @ b), torch.ones(2, 5), torch.ones(3))
    assert said == "matmul can't multiply (2, 5) from the input by (3,) from the input: 5 elements, but 3"
    # Sizes that fit neither way: no advice.
    said = sentence(Calls(torch.bmm), torch.ones(2, 3, 4), torch.ones(2, 5, 6))
    assert said.endswith(": 4 columns, but 5 rows")


def test_targets_of_the_wrong_shape_in_words() -> None:
    said = sentence(Calls(F.cross_entropy), torch.ones(2, 7, 5), torch.zeros(2, 7, dtype=torch.int64))
    assert said == (
        "F.cross_entropy expects targets of shape (2, 5) for (2, 7, 5) from the input, got (2, 7) from the input: "
        "the 5 classes must be dimension 1, as in input.movedim(-1, 1)"
    )
    said = sentence(Calls(F.cross_entropy), torch.ones(2, 5, 3), torch.zeros(2, 1, 3, dtype=torch.int64))
    assert said.endswith("of shape (2, 3) for (2, 5, 3) from the input, got (2, 1, 3) from the input: use target.squeeze(1)")
    # The advice is right.
    F.cross_entropy(torch.ones(2, 7, 5).movedim(-1, 1), torch.zeros(2, 7, dtype=torch.int64))
    F.cross_entropy(torch.ones(2, 5, 3), torch.zeros(2, 1, 3, dtype=torch.int64).squeeze(1))


def test_indices_in_a_tensor_in_words() -> None:
    said = sentence(Calls(lambda x, i: x.gather(1, i)), torch.ones(2, 5), torch.tensor([[7], [0]]))
    assert said == (
        "gather: index 7 out of range (0–4) in dimension 1 of (2, 5) from the input; the indices come from the input"
    )
    said = sentence(Calls(lambda x, i: x.index_select(0, i)), torch.ones(2, 5), torch.tensor([1, -3]))
    assert said.startswith("index_select: index -3 out of range (0–1) in dimension 0 of (2, 5)")


class Unruly(nn.Module):
    """``step`` goes wrong on what ``fc`` returned."""

    def __init__(self, step: Callable[..., Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.bias: Tensor | None = None
        self._step = step

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        return self._step(self, self.fc(x), mask)


def unpacks(_: nn.Module, y: Tensor, __: None) -> Tensor:
    b, c, hw = y.shape
    return y.view(b, c * hw)


def unpacks_size(_: nn.Module, y: Tensor, __: None) -> int:
    (n,) = y.size()
    return n


def adds_a_bias(self: Any, y: Tensor, __: None) -> Tensor:
    return y + self.bias


def passes_none(self: Any, y: Tensor, __: None) -> Tensor:
    return F.linear(y, self.bias)


def looks_up_none(_: nn.Module, y: Tensor, mask: Any) -> Tensor:
    return F.embedding(mask, y)


def reads_a_mask(_: nn.Module, y: Tensor, mask: Any) -> Tensor:
    return y * mask.float()


def reads_a_key(_: nn.Module, y: Any, __: None) -> Tensor:
    return y["logits"]


def reads_a_key_of_a_tuple(_: nn.Module, y: Tensor, __: None) -> Any:
    out: Any = (y, 1)
    return out["logits"]


def treats_a_tuple_as_a_tensor(_: nn.Module, y: Tensor, __: None) -> Any:
    out: Any = (y, 1, 2)
    while len(out) == 3:
        out = out.relu()
    return out


FC = r" from fc \(F\.linear\) at \S+:\d+"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (unpacks, rf"3 sizes are unpacked into b, c, hw, but y has 2 dimensions: \(2, 4\){FC}"),
        (unpacks_size, rf"1 sizes are unpacked into n, but y has 2 dimensions: \(2, 4\){FC}"),
        (adds_a_bias, r"self\.bias is None in: y \+ self\.bias"),
        (passes_none, r"self\.bias is None in: F\.linear\(y, self\.bias\)"),
        (looks_up_none, r"F\.embedding expects a tensor for indices, got None \(mask\)"),
        (reads_a_mask, r"mask, an argument of reads_a_mask, is None in: mask\.float"),
        (reads_a_key, rf"y is a tensor \(2, 4\){FC}, which has no key 'logits'"),
        (reads_a_key_of_a_tuple, r"out is a tuple of 2, not a tensor, in: out\['logits'\]"),
        (treats_a_tuple_as_a_tensor, r"out is a tuple of 3, not a tensor, in: out\.relu"),
    ],
)
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 tells the line that failed, and not the expression")
def test_mistakes_of_plain_python_in_words(step: Callable[..., Any], words: str) -> None:
    assert re.fullmatch(words, sentence(Unruly(step), torch.ones(2, 3)))


def test_what_has_no_plain_reason_is_left_to_torchs_own_words() -> None:
    error = failed(Calls(torch.linalg.inv), torch.zeros(2, 2))
    assert error.sentence is None
    assert "singular" in error.message
    # What a sentence would say is no reason where torch gives another.
    assert failed(Calls(lambda x: F.embedding(x, torch.ones(3, 2), max_norm="a")), torch.tensor([0])).sentence is None


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", ["half \ud800.py", "null \0.py"])
def test_code_of_a_file_that_no_file_can_be_is_told_without_its_line(name: str) -> None:
    """Generated code may call its file what it likes; the modules that look for lines raise at such names."""

    def add(x: Tensor) -> Tensor:
        return x + torch.ones(3)

    add.__code__ = add.__code__.replace(co_filename=name)
    report = modinspect.inspect(Calls(add), torch.ones(3))
    assert report.ops[-1].source is not None
    assert (report.ops[-1].source.file, report.ops[-1].source.code) == (name, None)
    error = failed(Calls(add), torch.ones(2))
    assert f'  File "{name}", line ' in error.traceback
    assert error.traceback.endswith("must match the size of tensor b (3) at non-singleton dimension 0\n")
