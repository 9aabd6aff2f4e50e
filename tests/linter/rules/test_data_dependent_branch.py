from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI501")


@rule.bad
def branch_on_a_tensor():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            if x.shape[0] > 1 and (x == x).all():  # MI501
                x = x * 2
            return x

    return Net(), torch.randn(2, 8)


@rule.bad
def item_of_a_length():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, lengths):
            longest = lengths.max().item()  # MI501
            return self.fc(x[:, :longest])

    return Net(), (torch.randn(2, 5, 8), torch.tensor([3, 5]))


@rule.bad
def number_from_a_tensor():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("steps", torch.tensor(2))

        def forward(self, x):
            for _ in range(int(self.steps)):  # MI501
                x = x + 1
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def list_of_values():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, sizes):
            parts = x.split(sizes.tolist())  # MI501
            return torch.cat([self.fc(part) for part in parts])

    return Net(), (torch.randn(4, 8), torch.tensor([3, 1]))


@rule.good
def branch_on_a_shape():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x) if x.shape[-1] == 8 and x.dim() == 2 else x

    return Net(), torch.randn(2, 8)


@rule.good
def branch_on_an_argument():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, mask=None):
            x = self.fc(x)
            return x if mask is None else x * mask

    return Net(), (torch.randn(2, 8), torch.ones(2, 4))


@rule.good
def choice_without_a_branch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return torch.where(x > 0, x, 0.1 * x)

    return Net(), torch.randn(2, 8)


@rule.good
def branch_on_the_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x) if self.training else self.fc(x) * 2

    return Net(), torch.randn(2, 8)


@rule.good
def size_and_dtype():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x / len(x) if x.is_floating_point() and x.numel() > 2 else x

    return Net(), torch.randn(2, 8)


@rule.good
def what_torchs_own_encoder_asks():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2), torch.randn(2, 5, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
