from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI401")


@rule.bad
def squeeze_of_everything():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x):
            return self.fc(x).squeeze()  # MI401

    return Net(), torch.randn(2, 8)


@rule.bad
def one_sample_given():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            x = self.pool(self.conv(x))
            x = torch.squeeze(x)  # MI401
            return self.fc(x)

    return Net(), torch.randn(1, 3, 8, 8)


@rule.bad
def squeeze_that_raises_later():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.pool = nn.AdaptiveAvgPool2d(1)

        def forward(self, x):
            x = self.pool(self.conv(x)).squeeze()  # MI401
            return torch.cat([x, x * 2], dim=1)

    return Net(), torch.randn(4, 3, 8, 8)


@rule.bad
def one_of_several_outputs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.policy = nn.Linear(8, 4)
            self.value = nn.Linear(8, 1)

        def forward(self, x):
            value = self.value(x)
            value = value.squeeze()  # MI401
            return {"policy": self.policy(x), "value": value}

    return Net(), torch.randn(3, 8)


@rule.bad
def one_sample_on_a_way_of_its_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            if x.shape[0] == 1:
                x = x[0]  # MI401
            return torch.tanh(x)

    return Net(), torch.randn(4, 8)


@rule.good
def squeeze_of_the_last_dimension():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x):
            return self.fc(x).squeeze(-1)

    return Net(), torch.randn(2, 8)


@rule.good
def flatten_after_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(self.pool(self.conv(x)).flatten(1))

    return Net(), torch.randn(1, 3, 8, 8)


@rule.good
def squeeze_of_something_without_a_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1, 8))

        def forward(self, x):
            return x * self.scale.squeeze()

    return Net(), torch.randn(2, 8)


@rule.good
def squeeze_that_has_nothing_to_drop():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x[:, None]).squeeze(1)

    return Net(), torch.randn(2, 8)


@rule.good
def loss_without_a_batch_dimension():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            logits = self.fc(x)
            return logits, F.mse_loss(logits, y)

    return Net(), (torch.randn(2, 8), torch.randn(2, 4))


@rule.good
def dimension_lost_and_restored():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x.squeeze().reshape(-1, 8))

    return Net(), torch.randn(2, 8)


@rule.undecided
def one_vector():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x):
            return self.fc(x).squeeze()

    return Net(), torch.randn(8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
