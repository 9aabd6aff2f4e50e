"""torch.nn's own layers of the difficult kinds: attention, recurrent ones, parametrized and lazy ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, spectral_norm, weight_norm
from torch.nn.utils.parametrizations import orthogonal
from torch.nn.utils.parametrizations import spectral_norm as new_spectral_norm
from torch.nn.utils.parametrizations import weight_norm as new_weight_norm

import modinspect
from tests.trace.trace_helpers import Calls, calls, lines

X = torch.ones(2, 4)
TOKENS = torch.ones(2, 3, 4)


def encoder(train: bool) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).train(train)


@pytest.mark.parametrize("train", [False, True])
def test_a_transformer_encoder_shows_all_its_children_in_both_modes(train: bool) -> None:
    report = modinspect.inspect(encoder(train), TOKENS)
    assert calls(report) == [
        ".#0 [0:13]",
        ". > layers.0#0 [0:13]",
        "layers.0 > layers.0.self_attn#0 [0:3]",
        "layers.0 > layers.0.dropout1#0 [3:4]",
        "layers.0 > layers.0.norm1#0 [5:6]",
        "layers.0 > layers.0.linear1#0 [6:7]",
        "layers.0 > layers.0.dropout#0 [8:9]",
        "layers.0 > layers.0.linear2#0 [9:10]",
        "layers.0 > layers.0.dropout2#0 [10:11]",
        "layers.0 > layers.0.norm2#0 [12:13]",
    ]
    assert [op.name.rpartition(".")[2] for op in report.ops if op.hidden] == ["add", "relu", "add"]
    # 2 * 6 tokens * (in_proj 4*12 + out_proj 4*4 + linears 4*8 + 8*4) + 2 heads' scores and values: 2*2 * 2 * 2*3*3*2
    assert report.totals.estimated_flops == 2 * 6 * (48 + 16 + 32 + 32) + 2 * 2 * 2 * (2 * 3 * 3 * 2) == 1824
    assert all(state.used for state in report.parameters)


def test_a_transformer_encoder_that_would_nest_its_padded_input() -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 1).eval()
    mask = torch.tensor([[False, False, True], [False, False, False]])
    report = modinspect.inspect(model, TOKENS, src_key_padding_mask=mask)
    assert report.error is None
    assert {call.module for call in report.calls} >= {"layers.0.self_attn", "layers.0.linear1", "layers.0.norm2"}


def test_multihead_attention_is_one_layer() -> None:
    report = modinspect.inspect(nn.MultiheadAttention(4, 2, batch_first=True).eval(), TOKENS, TOKENS + 1, TOKENS + 2)
    assert lines(report) == [
        ". view Tensor.transpose(input:0) -> (3, 2, 4)",
        ". view Tensor.transpose(input:1) -> (3, 2, 4)",
        ". view Tensor.transpose(input:2) -> (3, 2, 4)",
        ". F.multi_head_attention_forward(op:0, op:1, op:2, param:in_proj_weight, param:in_proj_bias, param:out_proj.weight, "
        "param:out_proj.bias) -> (3, 2, 4) (2, 3, 3) flops=1056",
        ". view Tensor.transpose(op:3) -> (2, 3, 4)",
    ]
    # projections 2*6*4*(12 + 4), and scores and values for 2 * 2 heads of 2: 2 * 2*2 * 2 * 3*3*2 / 2
    assert report.totals.flops == 2 * 6 * 4 * 16 + 2 * (2 * 2 * 3 * 3 * 2 * 2) == 1056
    assert [(info.path, info.layer, info.calls) for info in report.modules] == [("", True, 1), ("out_proj", True, 0)]
    assert report.totals.hidden_ops == 0


def test_an_lstm_on_the_cpu_is_uncounted_not_zero() -> None:
    report = modinspect.inspect(nn.LSTM(4, 5), torch.ones(2, 3, 4))
    assert lines(report) == [
        ". create torch.zeros() -> (1, 3, 5)",
        ". create torch.zeros() -> (1, 3, 5)",
        ". torch.lstm(input:0, op:0, op:1, param:weight_ih_l0, param:weight_hh_l0, param:bias_ih_l0, param:bias_hh_l0) "
        "-> (2, 3, 5) (1, 3, 5) (1, 3, 5) flops=?",
    ]
    # 2 steps of 3 samples multiply a row with (4, 20) and (5, 20).
    assert report.totals.estimated_flops == 2 * 3 * 2 * (4 * 20 + 5 * 20)
    assert (report.totals.flops, report.totals.uncounted_ops) == (0, 1)
    assert [(output.path, output.origin) for output in report.outputs] == [("0", "op:2"), ("1.0", "op:2"), ("1.1", "op:2")]
    assert report.modules[0].flops is None
    assert report.modules[0].params == 4 * 5 * (4 + 5 + 1 + 1)


def test_a_gru_is_counted_by_its_products() -> None:
    report = modinspect.inspect(nn.GRU(4, 5, batch_first=True), torch.ones(3, 2, 4))
    gru = report.ops[1]
    assert (gru.name, [result.shape for result in gru.outputs]) == ("torch.gru", [(3, 2, 5), (1, 3, 5)])
    # 3 sequences of 2 steps; per step 3 gates from 4 features and 3 from 5 of the state
    assert gru.flops == 2 * 6 * (3 * 5 * 4 + 3 * 5 * 5)


def test_cells() -> None:
    report = modinspect.inspect(nn.LSTMCell(4, 5), X)
    assert [op.name for op in report.ops] == ["torch.zeros", "torch.lstm_cell"]
    assert report.totals.flops == 2 * 2 * (4 * 5 * 4 + 4 * 5 * 5)


def test_packed_sequences() -> None:
    lstm = nn.LSTM(4, 5, batch_first=True)

    def forward(x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = lstm(packed)
        return nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0]

    report = modinspect.inspect(Calls(forward, lstm=lstm), TOKENS, torch.tensor([2, 3]))
    names = [op.name.rpartition(".")[2] for op in report.ops]
    assert [name for name in names if "pack" in name or name == "lstm"] == [
        "_pack_padded_sequence",
        "lstm",
        "_pad_packed_sequence",
    ]
    (op,) = [op for op in report.ops if op.name == "torch.lstm"]
    assert (op.module, op.hidden, [result.shape for result in op.outputs]) == ("lstm", False, [(5, 5), (1, 2, 5), (1, 2, 5)])
    # 5 steps in all, 4 gates
    assert op.flops == 2 * 5 * (4 * 5 * 4 + 4 * 5 * 5)
    call = report.calls[1]
    assert [(i.path, i.shape) for i in call.inputs][:2] == [("0.data", (5, 4)), ("0.batch_sizes", (3,))]
    assert report.outputs[0].shape == (2, 3, 5)


def test_packed_sequences_as_inputs() -> None:
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 4), torch.ones(2, 4)])
    report = modinspect.inspect(nn.LSTM(4, 5), packed)
    assert [(i.name, i.shape) for i in report.inputs] == [("input.data", (5, 4)), ("input.batch_sizes", (3,))]
    assert (report.outputs[0].path, report.outputs[0].shape) == ("0.data", (5, 5))


def test_batch_norm_in_training_writes_its_statistics() -> None:
    report = modinspect.inspect(nn.BatchNorm1d(4).train(), X)
    assert lines(report) == [
        ". Tensor.add_(buffer:num_batches_tracked!) -> ()",
        ". F.batch_norm(input:0, buffer:running_mean!, buffer:running_var!, param:weight, param:bias) -> (2, 4)",
    ]
    assert lines(modinspect.inspect(nn.BatchNorm1d(4).eval(), X)) == [
        ". F.batch_norm(input:0, buffer:running_mean, buffer:running_var, param:weight, param:bias) -> (2, 4)",
    ]


def test_dropout_in_eval_passes_its_input_on() -> None:
    report = modinspect.inspect(nn.Sequential(nn.Dropout(), nn.ReLU()).eval(), X)
    assert lines(report) == ["0 F.dropout(input:0) -> (2, 4)", "1 F.relu(input:0) -> (2, 4)"]
    assert report.ops[0].aten == ()


def test_parametrized_layers_stay_layers_and_show_what_computes_their_weights() -> None:
    class Symmetric(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight.triu() + weight.triu(1).T

    fc = nn.Linear(4, 4)
    parametrize.register_parametrization(fc, "weight", Symmetric())
    report = modinspect.inspect(nn.Sequential(fc), X)
    inner, original = "0.parametrizations.weight.0", "param:0.parametrizations.weight.original"
    assert lines(report) == [
        f"{inner} hidden Tensor.triu({original}) -> (4, 4)",
        f"{inner} hidden Tensor.triu({original}) -> (4, 4)",
        f"{inner} hidden view Tensor.T(op:1) -> (4, 4)",
        f"{inner} hidden Tensor.add(op:0, op:2) -> (4, 4)",
        "0 F.linear(input:0, op:3, param:0.bias) -> (2, 4) flops=64",
    ]
    assert report.totals.params == 20
    assert report.modules[1].class_name == "ParametrizedLinear"


def test_weight_norm_old_and_new() -> None:
    old = modinspect.inspect(nn.Sequential(weight_norm(nn.Linear(4, 4))), X)
    assert lines(old) == [
        "0 torch._weight_norm(param:0.weight_v, param:0.weight_g) -> (4, 4)",
        "0 F.linear(input:0, op:0, param:0.bias) -> (2, 4) flops=64",
    ]
    new = modinspect.inspect(nn.Sequential(new_weight_norm(nn.Linear(4, 4))), X)
    assert lines(new) == [
        "0.parametrizations.weight.0 hidden torch._weight_norm(param:0.parametrizations.weight.original1, "
        "param:0.parametrizations.weight.original0) -> (4, 4)",
        "0 F.linear(input:0, op:0, param:0.bias) -> (2, 4) flops=64",
    ]
    assert old.totals.params == new.totals.params == 16 + 4 + 4


@pytest.mark.parametrize("normed", [spectral_norm, new_spectral_norm])
def test_spectral_norm_writes_its_vectors_in_training(normed: Any) -> None:
    model = nn.Sequential(normed(nn.Linear(4, 4)))
    trained = modinspect.inspect(model.train(), X)
    written = {trained.ops[i].inputs[p].origin for i in range(len(trained.ops)) for p in trained.ops[i].mutates}
    assert len(written) == 2
    assert all(origin is not None and origin.startswith("buffer:0.") for origin in written)
    assert lines(trained)[-1].startswith("0 F.linear(input:0, op:")
    assert all(op.mutates == () for op in modinspect.inspect(model.eval(), X).ops)


def test_orthogonal_weights() -> None:
    report = modinspect.inspect(nn.Sequential(orthogonal(nn.Linear(4, 4))), X)
    assert report.error is None
    assert lines(report)[-1].startswith("0 F.linear(input:0, op:")


def test_lazy_modules_are_reported_as_what_they_become() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d(), nn.ReLU()).eval()
    report = modinspect.inspect(model, X)
    assert lines(report) == [
        "0 F.linear(input:0, param:0.weight, param:0.bias) -> (2, 3) flops=48",
        "1 F.batch_norm(op:0, buffer:1.running_mean, buffer:1.running_var, param:1.weight, param:1.bias) -> (2, 3)",
        "2 F.relu(op:1) -> (2, 3)",
    ]
    assert [(info.params, info.layer) for info in report.modules] == [(21, False), (15, True), (6, True), (0, True)]
    assert report.totals.params == 4 * 3 + 3 + 3 + 3
    assert [(state.name, state.shape) for state in report.parameters][:2] == [("0.weight", (3, 4)), ("0.bias", (3,))]


def test_lazy_modules_that_never_ran_have_no_parameters_yet() -> None:
    model = Calls(lambda x: x + 1, lazy=nn.LazyLinear(3))
    report = modinspect.inspect(model, X)
    assert report.error is None
    assert report.totals.params == 0
    assert report.parameters[0].shape is None
