from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI104")


@rule.bad
def attribute():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])

        def forward(self, x):
            return self.fc(x) * self.scale  # MI104

    return Net(), torch.randn(2, 8)


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


@rule.bad
def global_mean():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x - MEAN)  # MI104

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def causal_mask():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qk = nn.Linear(8, 16)
            self.mask = torch.triu(torch.ones(16, 16), 1).bool()

        def forward(self, x):
            q, k = self.qk(x).chunk(2, -1)
            scores = q @ k.transpose(-1, -2)
            mask = self.mask[: x.shape[1], : x.shape[1]]
            return scores.masked_fill(mask, -1e9).softmax(-1)  # MI104

    return Net(), torch.randn(2, 5, 8)


@rule.bad
def constants_in_a_list():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.shifts = [torch.zeros(8), torch.ones(8)]

        def forward(self, x):
            x = self.fc(x)
            for shift in self.shifts:
                x = x + shift  # MI104
            return x

    return Net(), torch.randn(2, 8)


@rule.bad
def moved_to_another_dtype_only():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.arange(1, 5)

        def forward(self, x):
            x = self.fc(x)
            return x * self.scale.to(x.dtype)  # MI104

    return Net(), torch.randn(2, 8)


@rule.good
def buffer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0]))

        def forward(self, x):
            return self.fc(x) * self.scale

    return Net(), torch.randn(2, 8)


@rule.good
def scalar_constant():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.tensor(0.5)

        def forward(self, x):
            return self.fc(x) * self.scale

    return Net(), torch.randn(2, 8)


@rule.good
def moved_where_the_input_is():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])
            self.shift = torch.ones(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x * self.scale.to(x) + self.shift[:1].to(device=x.device, dtype=x.dtype)

    return Net(), torch.randn(2, 8)


@rule.good
def mask_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qk = nn.Linear(8, 16)

        def forward(self, x):
            q, k = self.qk(x).chunk(2, -1)
            scores = q @ k.transpose(-1, -2)
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
            return scores.masked_fill(mask, -1e9).softmax(-1)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def plain_numbers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = 0.5
            self.sizes = [2, 2]

        def forward(self, x):
            return self.fc(x).mul(self.scale).split(self.sizes, -1)

    return Net(), torch.randn(2, 8)


@rule.good
def constant_that_only_gives_its_shape():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.like = torch.zeros(2, 2)

        def forward(self, x):
            return self.fc(x).view(-1, *self.like.shape) + torch.zeros_like(self.like, device=x.device, dtype=x.dtype)

    return Net(), torch.randn(2, 8)


@rule.good
def constant_that_is_never_used():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.example_input_array = torch.zeros(1, 8)

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def moved_by_an_override_of_apply():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])

        def _apply(self, fn, recurse=True):
            super()._apply(fn, recurse)
            self.scale = fn(self.scale)
            return self

        def forward(self, x):
            return self.fc(x) * self.scale.to(x.device)

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
