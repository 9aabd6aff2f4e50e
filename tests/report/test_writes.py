"""Which ops write to a tensor that was there before: what a layer made itself is nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import modinspect
from modinspect.report import Report, writes_to_earlier
from tests.trace.trace_helpers import Calls

X = torch.rand(2, 5, 8)
MASK = torch.zeros(5, 5, dtype=torch.bool)
PADDING = torch.zeros(2, 5, dtype=torch.bool)


def writes(report: Report, path: str) -> bool:
    """Whether an op of the module's only call writes to a tensor that was there before the call."""
    [call] = [call for call in report.calls if call.module == path]
    return any(writes_to_earlier(report.ops, op, call.start) for op in report.ops[call.start : call.stop])


@pytest.mark.parametrize(
    "masks", [{"attn_mask": MASK}, {"key_padding_mask": PADDING}, {"attn_mask": MASK, "key_padding_mask": PADDING}]
)
def test_attention_writes_to_the_mask_that_it_makes_only(masks: dict[str, Tensor]) -> None:
    mha = nn.MultiheadAttention(8, 2, batch_first=True)
    report = modinspect.inspect(Calls(lambda x: mha(x, x, x, **masks), mha=mha), X)
    assert any(op.mutates for op in report.ops)
    assert not writes(report, "mha")
    assert "←" not in str(report)


class InPlace(nn.Module):
    def __init__(self, write: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.write = write

    def forward(self, x: Tensor) -> Tensor:
        self.write(x)
        return x * 2


WRITES: dict[str, tuple[Callable[[Tensor], object], bool]] = {
    "its input": (lambda x: x.add_(1), True),
    "a view of its input": (lambda x: x.view(-1)[0].add_(1), True),
    "its input twice": (lambda x: x.add_(1).mul_(2), True),
    "a copy": (lambda x: x.clone().add_(1), False),
    "a view of a copy": (lambda x: x.clone().view(-1)[0].add_(1), False),
    "a copy twice": (lambda x: x.clone().add_(1).mul_(2), False),
}


@pytest.mark.parametrize(("write", "expected"), WRITES.values(), ids=WRITES)
def test_views_and_earlier_writes_are_followed_to_the_op_that_made_the_memory(
    write: Callable[[Tensor], object], expected: bool
) -> None:
    inner = InPlace(write)
    report = modinspect.inspect(Calls(lambda x: inner(x + 1), inner=inner), X)
    assert report.error is None
    assert writes(report, "inner") is expected


def test_running_statistics_are_the_layers_own() -> None:
    report = modinspect.inspect(nn.Sequential(nn.BatchNorm1d(5)).train(), X)
    assert any(op.mutates for op in report.ops)
    assert not writes(report, "0")


def test_a_layer_that_writes_to_its_input_is_marked() -> None:
    assert "←" in str(modinspect.inspect(nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True)), X))
