"""Small models of many kinds, on which the laws are held: each entry builds (model, arguments) anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.utils.checkpoint import checkpoint

from tests.trace.trace_helpers import Calls

Built = tuple[nn.Module, tuple[Any, ...]]
ZOO: dict[str, Callable[[], Built]] = {}


def entry(build: Callable[[], Built]) -> Callable[[], Built]:
    """Adds a model under the name of the function that builds it."""
    ZOO[build.__name__] = build
    return build


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.conv(x)))


class Attention(nn.Module):
    mask: Tensor

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.heads = heads
        self.fused = fused
        self.register_buffer("mask", torch.tril(torch.ones(16, 16)).bool(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (t.view(batch, length, self.heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        mask = self.mask[:length, :length]
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
            mixed = scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class Decoder(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.tokens = nn.Embedding(11, 8)
        self.positions = nn.Parameter(torch.zeros(16, 8))
        self.blocks = nn.ModuleList([Attention(8, 2, fused) for _ in range(3)])
        self.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions[torch.arange(ids.shape[1])]
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = x + block(norm(x))
        return self.head(x)


@entry
def residual_network() -> Built:
    stem = nn.Sequential(nn.Conv2d(3, 8, 7, stride=2, padding=3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    body = nn.Sequential(*[Residual(8) for _ in range(4)])
    return nn.Sequential(stem, body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)), (torch.randn(2, 3, 16, 16),)


@entry
def convolutions() -> Built:
    one, three = nn.Conv1d(4, 6, 3, groups=2, dilation=2), nn.Conv3d(1, 2, 2, stride=(1, 2, 1))
    back = nn.ConvTranspose2d(4, 3, 3, stride=2, output_padding=1, bias=False)

    def forward(x: Tensor) -> Any:
        return one(x), three(x[:, None, :, None].expand(2, 1, 4, 2, 9)), back(x[..., None].repeat(1, 1, 1, 4))

    return Calls(forward, one=one, three=three, back=back), (torch.randn(2, 4, 9),)


@entry
def fused_decoder() -> Built:
    return Decoder(fused=True), (torch.randint(11, (2, 6)),)


@entry
def plain_decoder() -> Built:
    return Decoder(fused=False), (torch.randint(11, (2, 6)),)


@entry
def transformer() -> Built:
    return nn.Transformer(8, 2, 1, 1, 16, batch_first=True), (torch.randn(2, 5, 8), torch.randn(2, 3, 8))


@entry
def recurrent() -> Built:
    lstm, gru, cell = nn.LSTM(4, 5, 2, bidirectional=True), nn.GRU(10, 3), nn.RNNCell(3, 3)
    return Calls(lambda x: cell(gru(lstm(x)[0])[0][0]), lstm=lstm, gru=gru, cell=cell), (torch.randn(3, 2, 4),)


@entry
def packed() -> Built:
    gru = nn.GRU(4, 5, batch_first=True)

    def forward(x: Tensor, lengths: Tensor) -> Tensor:
        pack = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(gru(pack)[0], batch_first=True)[0]

    return Calls(forward, gru=gru), (torch.randn(3, 4, 4), torch.tensor([2, 4, 1]))


@entry
def writes_in_place() -> Built:
    fc = nn.Linear(4, 4)

    def forward(x: Tensor) -> Tensor:
        x = fc(x)
        x[:, 0] = 1
        x[1:] += x[:-1].clone()
        x.relu_().mul_(x.sigmoid())
        out = torch.empty(3, 3)
        torch.mm(x, x.T, out=out)
        return out.index_fill_(0, torch.tensor([0]), 2.0)

    return Calls(forward, fc=fc), (torch.randn(3, 4),)


@entry
def weights_of_nobody() -> Built:
    hidden = [nn.Linear(4, 6), nn.Linear(6, 2)]
    table = torch.randn(2, 3)
    return Calls(lambda x: F.linear(hidden[1](hidden[0](x).tanh()) @ table, torch.rand(4, 3))), (torch.randn(5, 4),)


@entry
def values_decide() -> Built:
    def forward(x: Tensor) -> Any:
        picked = x[x > 0]
        while picked.numel() and picked.max() > 0.1:
            picked = picked * 0.5
        return picked, x.nonzero(), torch.unique(x.round()), x.topk(2), x.tolist()

    return Calls(forward), (torch.randn(4, 4),)


@entry
def recursion() -> Built:
    fc = nn.Linear(4, 4)

    def forward(x: Tensor, times: int = 3) -> Tensor:
        return model(fc(x), times - 1).relu() if times else x

    model = Calls(forward, fc=fc)
    return model, (torch.randn(2, 4),)


@entry
def normed_weights() -> Built:
    return nn.Sequential(spectral_norm(nn.Linear(4, 4)), weight_norm(nn.Conv1d(1, 2, 2))), (torch.randn(2, 1, 4),)


@entry
def scripted() -> Built:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inner = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU()))
    return nn.Sequential(inner, nn.Linear(4, 2)), (torch.randn(3, 4),)


@entry
def checkpointed() -> Built:
    fc = nn.Linear(4, 4)
    return Calls(lambda x: checkpoint(lambda y: fc(y).relu(), x, use_reentrant=False), fc=fc), (torch.randn(2, 4),)


@entry
def transforms() -> Built:
    fc, given = nn.Linear(4, 4), nn.Parameter(torch.randn(4, 4))

    def forward(x: Tensor) -> Any:
        mapped = torch.vmap(lambda row: fc(row).sin())(x)
        slope = torch.func.grad(lambda row: fc(row).sum())(x[0])
        return mapped, slope, functional_call(fc, {"weight": given}, (x,))

    return Calls(forward, fc=fc, given=given), (torch.randn(3, 4),)


@entry
def complex_numbers() -> Built:
    weight = nn.Parameter(torch.randn(5, 2))

    def forward(x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x) * torch.view_as_complex(weight)
        return torch.fft.irfft(spectrum.conj() * spectrum, n=8) + spectrum.conj().imag.sum()

    return Calls(forward, weight=weight), (torch.randn(3, 8),)


@entry
def sparse() -> Built:
    matrix = torch.eye(3).to_sparse()
    return Calls(lambda x: torch.sparse.mm(matrix, x) + (x.to_sparse() * 2).to_dense()), (torch.randn(3, 4),)


@entry
def nested_strided() -> Built:
    fc = nn.Linear(4, 4)
    nested = torch.nested.nested_tensor([torch.randn(2, 4), torch.randn(3, 4)])
    return Calls(lambda x: fc(x).relu(), fc=fc), (nested,)


@entry
def quantized() -> Built:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), {nn.Linear})
    return model, (torch.randn(2, 4),)


@entry
def in_autocast() -> Built:
    fc, conv = nn.Linear(4, 4), nn.Conv1d(4, 4, 1)

    def forward(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = conv(fc(fc(x))[..., None])
        return x.float().log_softmax(1)

    return Calls(forward, fc=fc, conv=conv), (torch.randn(2, 4),)


@entry
def in_inference_mode() -> Built:
    fc, conv = nn.Linear(4, 4), nn.Conv1d(2, 2, 1)

    def forward(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return torch.einsum("bcl,bdl->bcd", conv(fc(x)), x).matmul(torch.ones(2, 3))

    return Calls(forward, fc=fc, conv=conv), (torch.randn(2, 2, 4),)


@entry
def functions_of_functions() -> Built:
    def forward(x: Tensor) -> Any:
        image = x.view(1, 1, 4, 4)
        return (
            F.interpolate(image, scale_factor=2, mode="bilinear"),
            F.grid_sample(image, F.affine_grid(torch.eye(2, 3)[None], [1, 1, 4, 4], align_corners=False), align_corners=False),
            F.unfold(image, 2),
            F.cosine_similarity(x, x + 1),
            torch.cdist(x, x),
            torch.linalg.inv(x + 10 * torch.eye(4)),
            torch.einsum("ij,kj,k->i", x, x, x[0]),
            torch.tensordot(x, x, dims=1),
            F.cross_entropy(x, torch.tensor([0, 1, 2, 3])),
            F.multi_margin_loss(x, torch.tensor([0, 1, 2, 3])),
            F.embedding_bag(torch.tensor([[0, 1]]), x),
        )

    return Calls(forward), (torch.randn(4, 4),)


@entry
def experts() -> Built:
    gate, layers = nn.Linear(4, 3), nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(x: Tensor) -> Tensor:
        weights, chosen = gate(x).softmax(-1).topk(2)
        out = torch.zeros_like(x)
        for index, layer in enumerate(layers):
            rows, slots = torch.where(chosen == index)
            out.index_add_(0, rows, layer(x[rows]) * weights[rows, slots, None])
        return out

    return Calls(forward, gate=gate, layers=layers), (torch.randn(6, 4),)
