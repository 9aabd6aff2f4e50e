from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI304")


@rule.bad
def frozen_backbone():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8))
            self.backbone.requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.backbone(x))  # MI304

    return Net(), torch.randn(4, 8)


@rule.bad
def only_the_norm_is_frozen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4, bias=False)
            self.norm = nn.BatchNorm1d(4)
            for parameter in self.norm.parameters():
                parameter.requires_grad = False

        def forward(self, x):
            return self.norm(self.fc(x))  # MI304

    return Net(), torch.randn(4, 8)


@rule.bad
def frozen_class_of_ones_own():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, bias=False)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            return self.norm(self.conv(x))  # MI304

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = Encoder().requires_grad_(False)
            self.head = nn.Conv2d(4, 2, 1)

        def forward(self, x):
            with torch.no_grad():
                x = self.encoder(x)
            return self.head(x)

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def one_sample_given():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(8).requires_grad_(False)
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(self.norm(x))  # MI304

    return Net(), torch.randn(1, 8)


@rule.good
def trained_batch_norm():
    return nn.Sequential(nn.Linear(8, 4, bias=False), nn.BatchNorm1d(4)), torch.randn(4, 8)


@rule.good
def frozen_and_kept_in_eval():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8)).requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def train(self, mode=True):
            super().train(mode)
            self.backbone.eval()
            return self

        def forward(self, x):
            return self.head(self.backbone(x))

    return Net(), torch.randn(4, 8)


@rule.good
def without_parameters_of_its_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen = nn.Linear(8, 8).requires_grad_(False)
            self.norm = nn.BatchNorm1d(8, affine=False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.norm(self.frozen(x)))

    return Net(), torch.randn(4, 8)


@rule.good
def frozen_layer_norm():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(8).requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.norm(x))

    return Net(), torch.randn(4, 8)


@rule.good
def momentum_of_zero():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(8, momentum=0.0).requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.norm(x))

    return Net(), torch.randn(4, 8)


@rule.good
def no_running_statistics():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen = nn.GroupNorm(2, 8).requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.frozen(x))

    return Net(), torch.randn(4, 8)


@rule.good
def frozen_neighbour():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False).requires_grad_(False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            return self.norm(self.fc(x))

    return Net(), torch.randn(4, 8)


@rule.mild
def nothing_is_trained_at_all():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)
            self.requires_grad_(False)

        def forward(self, x):
            return self.norm(self.fc(x))  # MI304

    return Net(), torch.randn(4, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
