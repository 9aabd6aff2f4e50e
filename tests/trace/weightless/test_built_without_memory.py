"""Constructors and forwards that people write: what ``show`` says by default is what the real run says.

Each class in ``CONSTRUCTORS`` reads its parameters back, shares, copies, prunes or loads them; each in ``FORWARDS`` does to its
tensors what is hard without memory. Whether the weightless run could do it or fell back to the real one is not asked here: only
that the answer is the same, and that the report says which it was.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import modinspect
from modinspect.errors import InputError, RunError

SOURCE = """
import concurrent.futures
import contextlib
import copy
import numpy as np
import torch
import torch.nn.functional as F
import torch.nn.utils.parametrize as parametrize
import torch.nn.utils.prune as prune
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.set_up()

    def set_up(self):
        pass

    def forward(self, x):
        return self.fc(x)


class Prunes(Base):
    def set_up(self):
        prune.l1_unstructured(self.fc, "weight", 0.5)


class PrunesAtRandomForGood(Base):
    def set_up(self):
        prune.random_unstructured(self.fc, "weight", 0.5)
        prune.remove(self.fc, "weight")


class Ties(Base):
    def set_up(self):
        self.other = nn.Linear(4, 4, bias=False)
        self.other.weight = self.fc.weight

    def forward(self, x):
        return self.other(self.fc(x))


class TiesThroughAView(Base):
    def set_up(self):
        self.kept = [self.fc.weight]

    def forward(self, x):
        return F.linear(self.fc(x), self.kept[0])


class LoadsItself(Base):
    def set_up(self):
        self.load_state_dict({key: torch.zeros_like(value) for key, value in self.state_dict().items()})


class LoadsAndAssigns(Base):
    def set_up(self):
        state = {key: torch.zeros(value.shape) for key, value in self.state_dict().items()}
        self.load_state_dict(state, assign=True)


class Parametrized(Base):
    def set_up(self):
        nn.utils.parametrizations.weight_norm(self.fc)


class Spectral(Base):
    def set_up(self):
        nn.utils.parametrizations.spectral_norm(self.fc)


class Orthogonal(Base):
    def set_up(self):
        nn.utils.parametrizations.orthogonal(self.fc)


class InitialisesOrthogonally(Base):
    def set_up(self):
        nn.init.orthogonal_(self.fc.weight)


class InitialisesInEveryWay(Base):
    def set_up(self):
        nn.init.xavier_uniform_(self.fc.weight, gain=nn.init.calculate_gain("relu"))
        nn.init.trunc_normal_(self.fc.weight, std=0.02)
        nn.init.eye_(self.fc.weight)
        nn.init.constant_(self.fc.bias, 0.1)
        self.fc.weight.data.mul_(0.5)
        with torch.no_grad():
            self.fc.bias[:2] = 1
            self.fc.weight.copy_(torch.eye(4))
            self.fc.weight.clamp_(-1, 1)


class AssignsData(Base):
    def set_up(self):
        self.fc.weight.data = torch.eye(4)
        self.fc.bias = nn.Parameter(torch.zeros(4), requires_grad=False)


class MixesAWeightWithItsLike(Base):
    def set_up(self):
        zigzag = torch.tensor([i % 3 - 1.0 for i in range(4)], device=self.fc.bias.device)
        with torch.no_grad():
            self.fc.bias.copy_(torch.ones_like(self.fc.bias * 0.3 + zigzag))
            self.fc.bias += zigzag


class WritesAWeightIntoABuffer(Base):
    def set_up(self):
        self.register_buffer("first", torch.zeros(4))
        with torch.no_grad():
            self.first += self.fc.bias

    def forward(self, x):
        return self.fc(x) + self.first


class ReadsAWeight(Base):
    def set_up(self):
        self.scale = self.fc.weight.abs().mean().item()

    def forward(self, x):
        return self.fc(x) * self.scale


class BranchesOnAWeight(Base):
    def set_up(self):
        if self.fc.weight.sum() > 1e9:
            self.never = nn.Linear(4, 4)


class TriesToReadAWeight(Base):
    def set_up(self):
        try:
            self.scale = self.fc.weight.abs().mean().item()
        except Exception:
            self.scale = None

    def forward(self, x):
        return self.fc(x) if self.scale is None else self.fc(x) * self.scale


class SuppressesWhatItRaises(Base):
    def set_up(self):
        self.positive = False
        with contextlib.suppress(BaseException):
            self.positive = bool(self.fc.weight.abs().sum() > 0)

    def forward(self, x):
        return self.fc(x).relu() if self.positive else self.fc(x)


class AsksWhereItIs(Base):
    def set_up(self):
        weight = self.fc.weight
        self.there = weight.device.type == "cpu" and weight.is_cpu and not weight.is_meta and weight.get_device() == -1
        self.there = self.there and weight.type() == "torch.FloatTensor" and weight.abs().device == weight.device
        self.register_buffer("mask", torch.ones(2, 4, device=weight.device).tril())

    def forward(self, x):
        return self.fc(x).relu() if self.there and self.mask.sum() == 3 else self.fc(x)


class ComparesMemory(Base):
    def set_up(self):
        self.other, self.tied = nn.Linear(4, 4), nn.Linear(4, 4)
        self.tied.weight = self.fc.weight
        here = self.fc.weight.data_ptr()
        self.same = [layer.weight.data_ptr() == here for layer in (self.fc, self.other, self.tied)]

    def forward(self, x):
        for same in self.same:
            x = self.fc(x) if same else x.relu()
        return x


class OrdersAtRandom(Base):
    def set_up(self):
        self.order = torch.randperm(8).tolist()

    def forward(self, x):
        for place in self.order:
            x = x * 2 if place % 2 else x + place
        return self.fc(x)


class InitialisesThroughALibrary(Base):
    def set_up(self):
        original = nn.init.normal_

        def normal_(tensor, *args, **kwargs):
            return original(tensor, *args, **kwargs)

        nn.init.normal_ = normal_
        try:
            original(self.fc.weight)
        finally:
            nn.init.normal_ = original
        self.order = torch.randperm(8).tolist()

    def forward(self, x):
        for place in self.order:
            x = x * 2 if place % 2 else x + place
        return self.fc(x)


class KeepsRandomNumbers(Base):
    def set_up(self):
        nn.init.trunc_normal_(self.fc.weight)
        self.register_buffer("directions", torch.randn(4))

    def forward(self, x):
        return self.fc(x) if self.directions.sum() > 0 else self.fc(x).relu()


class DrawsManyBeforeOne(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 1024), nn.Linear(1024, 1100)
        self.layers = nn.ModuleList(nn.Linear(1100, 1100) for _ in range(6) if torch.rand(1) > 0.5)

    def forward(self, x):
        x = self.second(self.first(x))
        for layer in self.layers:
            x = layer(x)
        return x


class IsOnMeta(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4, device="meta")

    def forward(self, x):
        return self.fc(x.to("meta"))


class KeepsFewOfMany(Base):
    def set_up(self):
        self.table = nn.Parameter(torch.eye(4).to_sparse())

    def forward(self, x):
        return torch.sparse.mm(self.table, self.fc(x).T)


class AssignsRandomData(Base):
    def set_up(self):
        self.fc.weight.data = torch.randn(4, 4)


class Skips(Base):
    def set_up(self):
        self.fc = nn.utils.skip_init(nn.Linear, 4, 4)


class MadeOnMeta(Base):
    def set_up(self):
        with torch.device("meta"):
            inner = nn.Linear(4, 4)
        self.fc = inner.to_empty(device="cpu")


class Lists(Base):
    def set_up(self):
        self.scales = nn.ParameterList([torch.ones(4), nn.Parameter(torch.zeros(4))])
        self.named = nn.ParameterDict({"a": torch.ones(4)})

    def forward(self, x):
        return (self.fc(x) * self.scales[0] + self.scales[1]) * self.named["a"]


class Copies(Base):
    def set_up(self):
        self.blocks = nn.ModuleList([copy.deepcopy(self.fc) for _ in range(3)])
        self.average = copy.deepcopy(self.fc).requires_grad_(False)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x + self.average(x)


class RegistersInItsOwnWay(nn.Module):
    __slots__ = ("extra",)

    def __init__(self):
        super().__init__()
        self.seen = []
        self.extra = 2
        self.fc = nn.Linear(4, 4)
        self.gain = nn.Parameter(torch.ones(4))

    def register_parameter(self, name, param):
        self.seen.append(name)
        super().register_parameter(name, param)

    def forward(self, x):
        return self.fc(x) * self.gain * self.extra


class Lazy(Base):
    def set_up(self):
        self.head = nn.LazyLinear(3)

    def forward(self, x):
        return self.head(self.fc(x))


class KeepsAPlainCopy(Base):
    def set_up(self):
        self.before = self.fc.weight.detach().clone()

    def forward(self, x):
        return F.linear(x, self.before) + self.fc(x)


class CountsItself(Base):
    def set_up(self):
        self.size = sum(p.numel() for p in self.parameters())
        self.vector = nn.utils.parameters_to_vector(self.parameters()).shape[0]
        assert self.size == self.vector == 20


class InHalf(Base):
    def set_up(self):
        self.half()
        self.float()
        self.to(torch.float64)

    def forward(self, x):
        return self.fc(x.double())


class Quantized(Base):
    def set_up(self):
        self.fc = torch.ao.quantization.quantize_dynamic(nn.Sequential(self.fc), {nn.Linear}, torch.qint8)


class Freezes(Base):
    def __init__(self):
        super().__init__()
        self.fc = torch.jit.freeze(torch.jit.script(self.fc.eval()))


class Traces(Base):
    def __init__(self):
        super().__init__()
        self.fc = torch.jit.trace(self.fc, torch.ones(2, 4))


class WritesIntoABuffer(Base):
    def set_up(self):
        self.register_buffer("cache", torch.zeros(2, 4))

    def forward(self, x):
        self.cache.copy_(self.fc(x))
        self.cache[0] += 1
        return self.cache.view(-1).sum() + self.cache


class WritesIntoAMask(Base):
    def forward(self, x):
        hidden = self.fc(x)
        out = torch.zeros(2, 4)
        rows = out[0]
        out[:, 1:3] = hidden[:, 1:3]
        out.masked_fill_(torch.eye(2, 4).bool(), 0.0)
        return rows * out


class ReadsWhatWasWritten(Base):
    def forward(self, x):
        out = torch.zeros(2, 4)
        view = out.view(8)
        out += self.fc(x)
        return x if view[0] > 1e9 else out


class DrawsAtRandom(Base):
    def forward(self, x):
        noise = torch.randn(2, 4)
        hidden = F.dropout(self.fc(x), 0.5, training=True)
        return hidden + noise + torch.rand_like(hidden)


class Autocasts(Base):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.fc(x)
        return y.float() + y


class NormsInTrain(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 1)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.drop(self.norm(self.conv(x.unsqueeze(-1))))


class BranchesOnAnActivation(Base):
    def forward(self, x):
        y = self.fc(x)
        return y if y.sum() > 1e9 else -y


class RoutesByAMask(Base):
    def forward(self, x):
        mask = torch.tensor([True, False])
        y = self.fc(x)
        return y[mask] if mask.any() else y


class ListsItsValues(Base):
    def forward(self, x):
        return self.fc(x).tolist()


class CountsActivations(Base):
    def forward(self, x):
        y = self.fc(x)
        return y[(y > 1e9).nonzero()[:, 0]]


class CastsItself(Base):
    def forward(self, x):
        self.fc = self.fc.to(x.dtype)
        return self.fc(x)


class RunsInThreads(Base):
    def forward(self, x):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return sum(pool.map(self.fc, [x, x]))


class CatchesEverything(Base):
    def forward(self, x):
        y = self.fc(x)
        try:
            return y * y.sum().item()
        except:
            return y


class TriesAnotherWay(Base):
    def forward(self, x):
        y = self.fc(x)
        try:
            return y @ y
        except RuntimeError as error:
            return y.relu() if "cannot be multiplied" in str(error) else y


class TriesToLookUp(Base):
    def forward(self, x):
        y = self.fc(x)
        for row in (0, 5):
            try:
                x = x + y[torch.tensor([row])]
            except IndexError:
                x = x.relu()
        return x


class Factorises(Base):
    def forward(self, x):
        y = self.fc(x)
        try:
            return torch.linalg.cholesky(y.T @ y - 9 * torch.eye(4))
        except RuntimeError:
            return y


class SharesWithNumPy(Base):
    def forward(self, x):
        shared = np.zeros(4, "float32")
        torch.from_numpy(shared).add_(self.fc(x)[0])
        return self.fc(x).relu() if shared.sum() == 0 else self.fc(x)


class GivesAnotherSize(Base):
    def forward(self, x):
        out = torch.empty(0)
        torch.matmul(self.fc(x), self.fc.weight, out=out)
        return out + 1


class ReadsStatistics(Base):
    def set_up(self):
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        y = self.norm(self.norm(self.fc(x)))
        return y if self.norm.running_mean.abs().sum() == 0 else y.relu()


class Classifies(Base):
    def forward(self, x):
        return F.one_hot(self.fc(x).argmax(-1), 4) * self.fc(x)


class MapsOver(Base):
    def forward(self, x):
        return torch.vmap(self.fc)(x), torch.func.jvp(self.fc, (x,), (x,))


class MakesParameters(Base):
    def forward(self, x):
        self.fc.weight = nn.Parameter(self.fc.weight * 0.5)
        return copy.deepcopy(self.fc)(x)


class TracesInForward(Base):
    def forward(self, x):
        return torch.jit.trace(self.fc, x)(x)


class CallsWhatHasNoRule(Base):
    def forward(self, x):
        return doubled(self.fc(x))


class MakesATensorOfNumbers(Base):
    def forward(self, x):
        y = self.fc(x)
        return torch.tensor([y[0, 0], y[0, 1]])


class ComparesClasses(Base):
    def forward(self, x):
        y = self.fc(x)
        return y.relu() if type(y) is torch.Tensor else y


class ComparesNamesOfClasses(Base):
    def forward(self, x):
        y = self.fc(x)
        return y.relu() if y.__class__.__name__ == "Tensor" else y


class Approximates(Base):
    def forward(self, x):
        return torch.svd_lowrank(self.fc(x), 2)


class ConvolvesTransposed(Base):
    def set_up(self):
        self.conv, self.back = nn.Conv1d(4, 4, 3), nn.ConvTranspose1d(4, 4, 2)
        self.other = nn.Conv1d(4, 4, 1)
        self.other.weight = nn.Parameter(torch.rand(4, 2, 4).transpose(1, 2))

    def forward(self, x):
        hidden = self.fc(x)[None].repeat(1, 5, 1).transpose(1, 2)
        for layer in (self.conv, self.back, self.other):
            hidden = layer(hidden).transpose(1, 2).contiguous().transpose(1, 2)
        return hidden


class Recurs(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 5, batch_first=True, bidirectional=True)

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x.unsqueeze(0).expand(3, -1, -1), torch.tensor([2, 1, 1]), batch_first=True)
        out, state = self.rnn(packed)
        return nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0], state


@torch.library.custom_op("people_write::doubled", mutates_args=())
def doubled(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy() * 2)


def factory(width=4):
    model = nn.Sequential(nn.Linear(width, width), nn.ReLU())
    model.append(nn.Linear(width, 2))
    return model


instance = factory()
"""
CONSTRUCTORS = """
    Prunes PrunesAtRandomForGood Ties TiesThroughAView LoadsItself LoadsAndAssigns Parametrized Spectral Orthogonal
    InitialisesOrthogonally InitialisesInEveryWay AssignsData ReadsAWeight BranchesOnAWeight Skips MadeOnMeta Lists Copies
    RegistersInItsOwnWay Lazy KeepsAPlainCopy CountsItself InHalf Quantized factory instance TriesToReadAWeight
    SuppressesWhatItRaises AsksWhereItIs ComparesMemory OrdersAtRandom KeepsRandomNumbers DrawsManyBeforeOne IsOnMeta
    KeepsFewOfMany AssignsRandomData InitialisesThroughALibrary MixesAWeightWithItsLike WritesAWeightIntoABuffer Traces Freezes
""".split()
FORWARDS = """
    WritesIntoABuffer WritesIntoAMask ReadsWhatWasWritten DrawsAtRandom Autocasts NormsInTrain BranchesOnAnActivation
    RoutesByAMask ListsItsValues CountsActivations CastsItself RunsInThreads Recurs CatchesEverything TriesAnotherWay
    TriesToLookUp Factorises SharesWithNumPy GivesAnotherSize ReadsStatistics Classifies MapsOver MakesParameters
    CallsWhatHasNoRule MakesATensorOfNumbers ComparesClasses ComparesNamesOfClasses Approximates ConvolvesTransposed
    TracesInForward
""".split()
RUN_FOR_REAL = {
    "ReadsWhatWasWritten": "view[0] > 1e9",
    "BranchesOnAnActivation": "y.sum() > 1e9",
    "ListsItsValues": "tolist()",
    "CountsActivations": "y[(y > 1e9).nonzero()[:, 0]]",
    "RunsInThreads": "fc ran in another thread",
    "TriesToReadAWeight": "self.scale = self.fc.weight.abs().mean().item()",
    "SuppressesWhatItRaises": "bool(self.fc.weight.abs().sum() > 0)",
    "DrawsManyBeforeOne": "if torch.rand(1) > 0.5",
    "IsOnMeta": "the model itself put fc.weight on the meta device",
    "CatchesEverything": "y.sum().item()",
    "TriesAnotherWay": "return y @ y",
    "TriesToLookUp": "y[torch.tensor([row])]",
    "Factorises": "torch.linalg.cholesky(",
    "SharesWithNumPy": "shared with NumPy",
    "CallsWhatHasNoRule": "doubled has no meta kernel",
    "MakesATensorOfNumbers": "return torch.tensor([y[0, 0], y[0, 1]])",
    "ComparesClasses": "type(y) is torch.Tensor",
    "ComparesNamesOfClasses": '__class__.__name__ == "Tensor"',
    "Traces": "self.fc = torch.jit.trace(self.fc, torch.ones(2, 4))",
    "TracesInForward": "return torch.jit.trace(self.fc, x)(x)",
    "Approximates": "torch.svd_lowrank treats tensors without memory differently",
}
"""What needs a value that is not there, with what must stand in the note that says so."""


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "people_write.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "people_write", raising=False)


def look(name: str, device: str, **options: Any) -> modinspect.Report:
    return modinspect.inspect_target(f"people_write.{name}", ["2,4"], device=device, **options)


def compared(report: modinspect.Report) -> dict[str, Any]:
    """All of a report but how it was done, what outlived it, and what torchinfo says of pruned weights, by value."""
    data = report.to_dict()
    if any(buffer.name.endswith("weight_mask") for buffer in report.buffers):
        del data["torchinfo"]
    data["model"] = {key: value for key, value in data["model"].items() if key not in ("execution", "notes")}
    for op in data["ops"]:
        op.pop("kept", None)
    return data


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", [*CONSTRUCTORS, *FORWARDS])
def test_by_default_a_model_is_reported_as_its_real_run_is(name: str, train: bool) -> None:
    real = look(name, "cpu", train=train)
    assert real.error is None
    assert compared(look(name, "auto", train=train)) == compared(real)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUN_FOR_REAL))
def test_where_a_value_is_looked_at_the_real_run_is_done_and_the_line_named(name: str) -> None:
    report = look(name, "auto")
    assert report.model.execution == "real"
    assert any(RUN_FOR_REAL[name] in note for note in report.model.notes)


@pytest.mark.parametrize(
    "name",
    """Ties LoadsItself Parametrized InitialisesInEveryWay Skips Lists Copies factory WritesIntoAMask AsksWhereItIs
    ComparesMemory OrdersAtRandom AssignsRandomData Classifies MapsOver MakesParameters""".split(),
)
def test_what_is_common_needs_no_real_run(name: str) -> None:
    assert look(name, "auto").model.execution == "weightless"


@pytest.mark.slow
def test_what_is_loaded_from_a_folder_is_reported_as_its_real_run_is(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=50
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "saved")
    (tmp_path / "loads_a_folder.py").write_text(
        "import transformers\ndef load():\n    return transformers.BertModel.from_pretrained('saved', local_files_only=True)\n"
    )
    sys.modules.pop("loads_a_folder", None)
    reports = [modinspect.inspect_target("loads_a_folder.load", ["1,6:int64"], device=where) for where in ("auto", "cpu")]
    assert reports[1].error is None
    assert compared(reports[0]) == compared(reports[1])


OUTSIDE = {
    "embedding": "return self.embed(torch.tensor([[0, 7]])) + self.fc(x)",
    "gather": "return self.fc(x).gather(1, torch.tensor([[9], [0]]))",
    "loss": "return F.cross_entropy(self.fc(x), torch.tensor([9, 0]))",
    "second": "return self.embed(torch.tensor([1])) + self.embed(torch.tensor([-1]))",
    "list": "return self.fc(x)[[0, 2]]",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_indices_out_of_bounds_are_found_without_memory(name: str, tmp_path: Path) -> None:
    weightless, auto, real = inspected(tmp_path, "looks_outside", OUTSIDE[name])
    assert weightless.error is not None
    assert real.error is not None
    assert "out of bounds" in weightless.error.message
    assert weightless.error.source == real.error.source
    assert [op.name for op in weightless.ops] == [op.name for op in real.ops]
    assert compared(auto)["ops"] == compared(real)["ops"]
    assert auto.error == real.error


DTYPES = {
    "linear": "return self.fc(x.half())",
    "matmul": "return self.fc(x).double() @ self.fc.weight",
    "assignment": "y = self.fc(x); y[torch.tensor([0])] = torch.zeros(4, dtype=torch.float64); return y",
    "kernel": "return torch.cdist(self.fc(x).bfloat16(), self.fc(x).bfloat16())",
    "convolution": "return F.conv1d(self.fc(x)[None], torch.ones(2, 2, 1, dtype=torch.bfloat16))",
}


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_that_an_operator_does_not_take_are_found_without_memory(name: str, tmp_path: Path) -> None:
    weightless, auto, real = inspected(tmp_path, "takes_other_dtypes", DTYPES[name])
    assert weightless.error is not None
    assert real.error is not None
    assert "dtype" in weightless.error.message or "not implemented for" in weightless.error.message
    assert weightless.error.source == real.error.source
    assert [op.name for op in weightless.ops] == [op.name for op in real.ops]
    assert auto.error == real.error


def inspected(folder: Path, module: str, forward: str) -> tuple[modinspect.Report, modinspect.Report, modinspect.Report]:
    """Without memory, by default, and with memory."""
    lines = [
        "import torch",
        "import torch.nn.functional as F",
        "class Model(torch.nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        "        self.fc, self.embed = torch.nn.Linear(4, 4), torch.nn.Embedding(7, 4)",
        "    def forward(self, x):",
        f"        {forward}",
    ]
    (folder / f"{module}.py").write_text("\n".join(lines))
    sys.modules.pop(module, None)
    weightless, auto, real = (
        modinspect.inspect_target(f"{module}.Model", ["2,4"], device=device) for device in ("weightless", "auto", "cpu")
    )
    return weightless, auto, real


def test_a_dtype_that_no_model_can_have_is_an_error_of_the_input() -> None:
    with pytest.raises(InputError, match="can't be the dtype of a whole model"):
        modinspect.inspect_target("people_write.Base", ["2,4"], dtype="float8_e4m3fn")


def test_what_is_built_for_real_stops_where_it_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer takes 80 bytes, four take 320; when the first is read, nobody knows yet that there will be four."""
    (tmp_path / "grows.py").write_text(
        "import torch\n"
        "class Model(torch.nn.Module):\n"
        "    def __init__(self, layers):\n"
        "        super().__init__()\n"
        "        self.first = torch.nn.Linear(4, 4)\n"
        "        self.scale = self.first.weight.sum().item()\n"
        "        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(layers))\n"
        "    def forward(self, x):\n"
        "        return self.first(x) * self.scale\n"
    )
    sys.modules.pop("grows", None)
    monkeypatch.setattr("modinspect.session.memory.available_memory", lambda: 240)
    assert modinspect.inspect_target("grows.Model(2)", ["2,4"]).model.execution == "real"
    with pytest.raises(RunError, match=r"self\.scale = .* more for its parameters than the 0\.0 GiB that are available"):
        modinspect.inspect_target("grows.Model(3)", ["2,4"])
