"""Small models that show what modinspect is for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MyModel(nn.Module):
    """Two registered layers, and one linear call on a weight that no optimizer will ever see."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(10, 5)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 10) to (B, 3)."""
        x = self.fc(x)
        x = self.relu(x)
        return F.linear(x, torch.rand(3, 5))
