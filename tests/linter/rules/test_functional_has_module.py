from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI101")


@rule.bad
def relu_as_a_function():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.relu(self.fc(x))  # MI101

    return Net(), torch.randn(2, 8)


@rule.bad
def methods_and_torch_functions():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x).sigmoid()  # MI101
            x = torch.tanh(x)  # MI101
            return torch.flatten(x, 1)  # MI101

    return Net(), torch.randn(2, 8)


@rule.bad
def two_on_one_line():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return F.max_pool2d(F.relu(self.conv(x)), 2)  # MI101 MI101

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def dropout_that_knows_the_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.dropout(self.fc(x), 0.5, self.training)  # MI101

    return Net(), torch.randn(2, 8)


@rule.bad
def linear_with_a_parameter_of_ones_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 8))

        def forward(self, x):
            return F.linear(x, self.weight)  # MI101

    return Net(), torch.randn(2, 8)


@rule.good
def all_modules():
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Softmax(-1)), torch.randn(2, 8)


@rule.good
def arithmetic_has_no_twin():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return torch.cat([self.fc(x) + x, x * 2, x.mean(-1, keepdim=True)], -1)

    return Net(), torch.randn(2, 8)


@rule.good
def views_have_no_twin():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return self.fc(x).view(x.shape[0], 2, 4).transpose(1, 2).reshape(x.shape[0], -1)

    return Net(), torch.randn(2, 8)


@rule.good
def what_torchs_own_modules_call():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(2, 5, 8)


@rule.good
def attention_by_hand():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            return F.scaled_dot_product_attention(q, k, v)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def the_method_unfold_is_another_function():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(x.unfold(1, 4, 2))

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
