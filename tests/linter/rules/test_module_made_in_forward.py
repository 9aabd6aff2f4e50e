from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI105")


@rule.bad
def made_and_called_at_once():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return nn.Linear(8, 4)(self.fc(x))  # MI105

    return Net(), torch.randn(2, 8)


@rule.bad
def made_on_one_line_and_called_on_another():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.conv(x)
            norm = nn.LayerNorm(x.shape[-1])  # MI105
            x = x + 1
            return norm(x)

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def overwritten_in_each_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            self.head = nn.Linear(x.shape[-1], 4)  # MI105
            return self.head(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def class_of_ones_own():
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.inner = nn.Linear(width, width)

        def forward(self, x):
            return self.inner(x)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return self.fc(x) + Block(8)(x)  # MI105

    return Net(), torch.randn(2, 8)


@rule.bad
def sequence_made_in_a_helper():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def head(self, width):
            return nn.Sequential(nn.Linear(width, 4), nn.ReLU())  # MI105

        def forward(self, x):
            return self.head(8)(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.good
def made_in_the_constructor():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.good
def without_parameters():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return nn.Softmax(dim=-1)(nn.ReLU()(self.fc(x)))

    return Net(), torch.randn(2, 8)


@rule.good
def lazy_module_of_torch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.LazyLinear(4)

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def sequence_of_registered_layers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])

        def forward(self, x):
            return nn.Sequential(*self.layers)(x)

    return Net(), torch.randn(2, 8)


@rule.good
def loss_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            out = self.fc(x)
            return out, nn.MSELoss()(out, y)

    return Net(), (torch.randn(2, 8), torch.randn(2, 4))


@rule.good
def norm_without_parameters():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return nn.LayerNorm(8, elementwise_affine=False)(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.mild
def made_in_the_first_forward_and_kept():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.head = None

        def forward(self, x):
            if self.head is None:
                self.head = nn.Linear(x.shape[-1], 4)  # MI105
            return self.head(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def copy_of_a_layer():
    import copy

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            twin = copy.deepcopy(self.fc)
            return self.fc(x) + twin(x)  # MI105

    return Net(), torch.randn(2, 8)


@rule.bad
def registered_and_replaced():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            self.head = nn.Linear(8, 4)  # MI105
            return self.head(x)

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
