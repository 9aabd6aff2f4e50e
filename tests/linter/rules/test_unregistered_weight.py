from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI103")


@rule.bad
def random_weight_of_linear():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(10, 5)

        def forward(self, x):
            return F.linear(self.fc(x), torch.rand(3, 5))  # MI103

    return Net(), torch.randn(1, 10)


@rule.bad
def attribute_as_a_factor():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.proj = torch.randn(8, 4)

        def forward(self, x):
            return x @ self.proj  # MI103

    return Net(), torch.randn(2, 8)


@rule.bad
def constant_weight():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            weight = torch.ones(8, 4) / 8
            return torch.matmul(self.fc(x), weight)  # MI103

    return Net(), torch.randn(2, 8)


@rule.bad
def kernel_of_a_convolution():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = torch.randn(4, 3, 3, 3)

        def forward(self, x):
            return F.conv2d(x, self.kernel, padding=1)  # MI103

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def table_of_an_embedding():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 2)
            self.table = torch.randn(10, 8)

        def forward(self, ids):
            return self.fc(F.embedding(ids, self.table))  # MI103

    return Net(), torch.zeros(2, 5, dtype=torch.int64)


@rule.bad
def parameters_in_a_list():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.scales = [nn.Parameter(torch.ones(8)), nn.Parameter(torch.ones(8))]

        def forward(self, x):
            return self.fc(x) * self.scales[0] + self.scales[1]  # MI103 MI103

    return Net(), torch.randn(2, 8)


@rule.bad
def transposed_and_scaled_attribute():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.randn(4, 8)

        def forward(self, x):
            return x.matmul(self.weight.t() * 0.5)  # MI103

    return Net(), torch.randn(2, 8)


@rule.good
def parameter():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 8))

        def forward(self, x):
            return F.linear(x, self.weight)

    return Net(), torch.randn(2, 8)


@rule.good
def buffer_of_fixed_features():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("proj", torch.randn(8, 4))
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(torch.cos(x @ self.proj))

    return Net(), torch.randn(2, 8)


@rule.good
def attention_scores_are_no_weight():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            return (q @ k.transpose(-1, -2)).softmax(-1) @ v

    return Net(), torch.randn(2, 5, 8)


@rule.good
def causal_mean_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            length = x.shape[1]
            weights = torch.tril(torch.ones(length, length, device=x.device, dtype=x.dtype))
            weights = weights / weights.sum(-1, keepdim=True)
            return self.fc(weights @ x)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def masked_weight_of_a_registered_layer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.linear(x, self.fc.weight * torch.ones_like(self.fc.weight), self.fc.bias)

    return Net(), torch.randn(2, 8)


@rule.good
def weight_computed_from_the_input():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.make = nn.Linear(8, 32)

        def forward(self, x):
            weight = self.make(x).view(-1, 8, 4)
            return torch.bmm(x.unsqueeze(1), weight).squeeze(1)

    return Net(), torch.randn(2, 8)


@rule.good
def rotary_angles():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.register_buffer("inv_freq", 1.0 / 10000 ** (torch.arange(0, 8, 2) / 8), persistent=False)

        def forward(self, x):
            positions = torch.arange(x.shape[1], device=x.device).to(x.dtype)
            angles = positions[:, None] @ self.inv_freq[None, :]
            return self.fc(x) * torch.cat([angles.cos(), angles.sin()], -1)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def weight_norm():
    return nn.utils.parametrizations.weight_norm(nn.Linear(8, 4)), torch.randn(2, 8)


@rule.good
def running_sums_from_the_right():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            ones = torch.ones(5, 5, device=x.device, dtype=x.dtype)
            return self.fc((x.transpose(1, 2) @ ones.triu()).transpose(1, 2))

    return Net(), torch.randn(2, 5, 8)


@rule.bad
def square_and_constant():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return self.fc(x) @ torch.full((8, 8), 0.1)  # MI103

    return Net(), torch.randn(2, 8)


@rule.bad
def parameter_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            weight = nn.Parameter(torch.randn(4, 8))
            return F.linear(self.fc(x), weight)  # MI103

    return Net(), torch.randn(2, 8)


@rule.good
def state_of_the_size_of_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            state = torch.zeros(x.shape[0], 8, 8, device=x.device, dtype=x.dtype)
            out = []
            for step in range(x.shape[1]):
                out.append(q[:, step : step + 1] @ state)
                state = state + k[:, step, :, None] * v[:, step, None, :]
            return torch.cat(out, 1)

    return Net(), torch.randn(2, 3, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
