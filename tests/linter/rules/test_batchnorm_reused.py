from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI303")


@rule.bad
def called_twice():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 8, bias=False)
            self.b = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            x = self.norm(self.a(x))
            return self.norm(self.b(x))  # MI303

    return Net(), torch.randn(4, 8)


@rule.bad
def siamese_branches():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            return self.norm(self.fc(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = Encoder()

        def forward(self, x, y):
            a = self.encoder(x)
            b = self.encoder(y)  # MI303
            return (a - b).pow(2).sum(-1)

    return Net(), (torch.randn(4, 8), torch.randn(4, 8))


@rule.bad
def along_the_time_steps():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            out = []
            for step in range(x.shape[1]):
                out.append(self.norm(self.fc(x[:, step])))  # MI303
            return torch.stack(out, 1)

    return Net(), torch.randn(4, 3, 8)


@rule.bad
def one_sample_given():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            for _ in range(2):
                x = torch.relu(self.norm(self.conv(x)))  # MI303
            return x

    return Net(), torch.randn(1, 4, 8, 8)


@rule.good
def one_for_each_place():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norms = nn.ModuleList(nn.BatchNorm1d(8) for _ in range(3))

        def forward(self, x):
            for norm in self.norms:
                x = norm(self.fc(x))
            return x

    return Net(), torch.randn(4, 8)


@rule.good
def layer_norm_reused():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            return self.norm(self.norm(x) + x)

    return Net(), torch.randn(4, 8)


@rule.good
def kept_in_eval_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8).requires_grad_(False)

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

        def forward(self, x, y):
            return self.norm(self.fc(x)) + self.norm(self.fc(y))

    return Net(), (torch.randn(4, 8), torch.randn(4, 8))


@rule.good
def both_views_in_one_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x, y):
            a, b = self.norm(self.fc(torch.cat([x, y]))).chunk(2)
            return a - b

    return Net(), (torch.randn(4, 8), torch.randn(4, 8))


@rule.good
def without_running_statistics():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.norm = nn.InstanceNorm1d(8)

        def forward(self, x):
            return self.norm(self.norm(self.fc(x)))

    return Net(), torch.randn(4, 3, 8)


@rule.good
def other_one_in_each_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            x = self.norm(self.fc(x))
            return x if self.training else self.norm(x)

    return Net(), torch.randn(4, 8)


@rule.good
def everything_else_reused():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            return self.norm(self.fc(self.fc(self.fc(x))))

    return Net(), torch.randn(4, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
