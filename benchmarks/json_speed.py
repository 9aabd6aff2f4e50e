"""How long a large report takes to become JSON, and to be read back: ``python benchmarks/json_speed.py [BLOCKS]``."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import modinspect
from modinspect.report import Report


class Net(nn.Module):
    """A block of 37 small functional calls, over and over."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(self, x: Tensor) -> Tensor:
        """Keeps the shape of ``x``."""
        for _ in range(self.blocks):
            for _ in range(12):
                x = torch.tanh(x * 0.5 + 1)
            x = torch.relu(x)
        return x


def median(function: Callable[[], object], rounds: int = 5) -> float:
    """Seconds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main(blocks: int) -> None:
    """Prints the medians of five rounds."""
    from modinspect.render.report.json import render

    report = modinspect.inspect(Net(blocks), torch.ones(2, 8))
    text = render(report)
    print(f"{len(report.ops):,} ops, {len(text) / 1e6:.1f} MB")
    print(f"write  {median(lambda: render(report)):.3f} s")
    print(f"read   {median(lambda: Report.from_json(text)):.3f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
