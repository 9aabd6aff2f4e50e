"""``inspect_target``: what the command line does, from a target in words to a report."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
import torch

import modinspect
from modinspect.errors import InputError, RunError, TargetError

MODELS = """
import torch
from torch import nn

class Plain(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.fc = nn.Linear(width, 2)
        self.register_buffer("exact", torch.ones(2, dtype=torch.float64))
    def forward(self, x):
        return self.fc(x)

class Looks(Plain):
    def forward(self, x):
        return x if self.fc(x).sum() > 0 else -x

class Prints(Plain):
    def forward(self, x):
        slope = torch.func.grad(lambda row: self.fc(row).sum())(x[0])
        self.text = repr(self.fc(x))
        return slope

class Huge(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(60_000, 60_000) for _ in range(50))
    def forward(self, x):
        return x if self.blocks[0](x).sum() > 0 else -x

class Reads(Plain):
    def __init__(self):
        super().__init__()
        self.scale = float(self.fc.weight.sum().item())

class Mode(Plain):
    def forward(self, x):
        torch.rand(1)
        return nn.functional.dropout(self.fc(x), 0.5, self.training)

class Exported(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout()
        self.part = torch.export.export(Plain().float(), (torch.ones(1, 4),)).module()
    def forward(self, x):
        return self.part(self.drop(x))

made = Plain().train()
"""


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "these_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "these_models", raising=False)


def notes(report: modinspect.Report) -> str:
    return " ".join(report.model.notes)


def test_the_default_is_weightless() -> None:
    report = modinspect.inspect_target("these_models:Plain", ["1,4"])
    assert report.model.execution == "weightless"
    assert report.model.device == "cpu"
    assert not report.model.training
    assert report.totals.params == 4 * 2 + 2
    assert report.totals.flops == 2 * 4 * 2
    assert report.torchinfo is not None
    assert report.torchinfo.params == 10


def test_a_real_run_reports_the_same() -> None:
    without, with_memory = (modinspect.inspect_target("these_models:Plain", ["1,4"], device=d) for d in ("auto", "cpu"))
    assert with_memory.model.execution == "real"
    assert with_memory.ops == without.ops
    assert with_memory.totals == without.totals


def test_where_values_are_needed_the_real_run_is_done_and_the_line_is_named() -> None:
    report = modinspect.inspect_target("these_models:Looks", ["1,4"])
    assert report.model.execution == "real"
    assert "these_models.py:15 (return x if self.fc(x).sum() > 0 else -x)" in notes(report)
    with pytest.raises(RunError, match="the model can't run weightless"):
        modinspect.inspect_target("these_models:Looks", ["1,4"], device="weightless")


def test_where_a_tensor_is_printed_transforms_work_in_the_real_run_and_afterwards() -> None:
    keys = str(torch._C._dispatch_tls_local_exclude_set())
    report = modinspect.inspect_target("these_models:Prints", ["2,4"])
    assert report.model.execution == "real"
    assert report.error is None
    assert [op.name for op in report.ops if "grad" in op.name or "zeros" in op.name] == ["torch.autograd.grad"]
    assert report.outputs[0].origin == "op:3"
    with pytest.raises(RunError) as raised:
        modinspect.inspect_target("these_models:Prints", ["2,4"], device="weightless")
    assert raised.value.__cause__ is not None  # while somebody keeps the traceback
    assert str(torch._C._dispatch_tls_local_exclude_set()) == keys
    assert torch.func.grad(lambda x: x * x)(torch.tensor(3.0)) == 6


def test_what_fits_into_no_memory_stops_with_the_reason() -> None:
    with pytest.raises(RunError, match=r"__bool__ needs the values .* 670\.\d GiB for its parameters") as stopped:
        modinspect.inspect_target("these_models:Huge", ["1,60000"])
    assert "--init" in stopped.value.hint


def test_a_constructor_that_reads_its_weights_is_built_for_real() -> None:
    report = modinspect.inspect_target("these_models:Reads", ["1,4"])
    assert report.error is None
    assert report.model.execution == "real"
    assert "needs the values of a parameter while the model is built at these_models.py" in notes(report)


@pytest.mark.parametrize("train", [False, True])
def test_a_model_without_a_switch_of_modes_runs_in_the_mode_that_it_was_built_in(train: bool) -> None:
    report = modinspect.inspect_target("these_models:Exported", ["1,4"], train=train)
    assert report.error is None
    assert f"ran in the mode that it was built in: model.train({train}) raised NotImplementedError" in notes(report)
    assert report.model.training
    assert all(module.training for module in report.modules if module.path in ("", "drop"))
    assert report.totals.flops == 2 * 4 * 2


def test_an_instance_stays_as_it_is() -> None:
    first = modinspect.inspect_target("these_models:made", ["1,4"])
    made = sys.modules["these_models"].made
    weight = made.fc.weight.clone()
    assert first.model.execution == "weightless"
    modinspect.inspect_target("these_models:made", ["1,4"], dtype="bfloat16")
    assert made.training
    assert made.fc.weight.dtype == torch.float32
    assert made.fc.weight.device.type == "cpu"
    assert torch.equal(made.fc.weight, weight)


def test_dtype_is_that_of_parameters_and_inputs_but_not_of_what_insists_on_another() -> None:
    report = modinspect.inspect_target("these_models:Plain", ["1,4"], dtype="bfloat16")
    assert {parameter.dtype for parameter in report.parameters} == {"bfloat16"}
    assert report.inputs[0].dtype == "bfloat16"
    assert report.buffers[0].dtype == "float64"
    assert torch.get_default_dtype() == torch.float32
    with pytest.raises(InputError, match="'int64' isn't a floating-point dtype"):
        modinspect.inspect_target("these_models:Plain", ["1,4"], dtype="int64")


def test_train_is_another_mode() -> None:
    dropout = modinspect.inspect_target("these_models:Mode", ["1,4"], train=True).ops[-1]
    assert dropout.arguments["training"] is True
    assert modinspect.inspect_target("these_models:Mode", ["1,4"]).ops[-1].arguments["training"] is False


def test_without_an_input_the_registered_half_is_shown() -> None:
    report = modinspect.inspect_target("these_models:Plain")
    assert not report.ran
    assert report.totals.params == 10
    assert "forward takes x" in notes(report)


def test_opaque_classes_are_layers() -> None:
    report = modinspect.inspect_target("these_models:Plain", ["1,4"], opaque=["these_models.*"])
    assert report.modules[0].layer
    assert report.totals.hidden_ops == 0


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "weightless:mps", "cpu:cpu"])
def test_a_device_that_is_none_is_an_error_with_a_hint(device: str) -> None:
    with pytest.raises((RunError, InputError)) as error:
        modinspect.inspect_target("these_models:Plain", ["1,4"], device=device)
    assert device in error.value.message
    assert "weightless" in error.value.hint


def test_input_and_input_function_exclude_each_other() -> None:
    with pytest.raises(InputError, match="both"):
        modinspect.inspect_target("these_models:Plain", ["1,4"], input_fn="these_models:make")


def test_the_process_is_left_as_it_was() -> None:
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate(), list(sys.path), torch.get_default_dtype()
    modinspect.inspect_target("these_models:Mode", ["1,4"], train=True, device="cpu")
    with pytest.raises(TargetError):
        modinspect.inspect_target("these_models:Plain(1, 2, 3)", ["1,4"])
    after = torch.get_rng_state(), random.getstate(), list(sys.path), torch.get_default_dtype()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_the_same_question_has_the_same_answer() -> None:
    first, second = (modinspect.inspect_target("these_models:Mode", ["1,4"], train=True) for _ in range(2))
    assert first == second
