from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI602")


@rule.bad
def convolution():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            x = self.conv(x)  # MI602
            return self.norm(x)

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def linear():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x):
            return self.norm(self.fc(x))  # MI602

    return Net(), torch.randn(2, 8)


@rule.bad
def transposed_convolution():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.ConvTranspose1d(3, 4, 3)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x):
            return torch.relu(self.norm(self.conv(x)))  # MI602

    return Net(), torch.randn(2, 3, 8)


@rule.bad
def sequence():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

        def forward(self, x):
            return self.net(x)  # MI602

    return Net(), torch.randn(2, 3, 8, 8)


@rule.good
def without_a_bias():
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)), torch.randn(2, 3, 8, 8)


@rule.good
def something_in_between():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), torch.randn(2, 3, 8, 8)


@rule.good
def layer_norm_keeps_it():
    return nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)), torch.randn(2, 8)


@rule.good
def group_norm_keeps_it():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)), torch.randn(2, 3, 8, 8)


@rule.good
def used_beside_the_norm():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            x = self.conv(x)
            return x + self.norm(x)

    return Net(), torch.randn(2, 3, 8, 8)


@rule.good
def norm_first():
    return nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), torch.randn(2, 3, 8, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
