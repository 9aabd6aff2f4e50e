from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI601")


@rule.bad
def softmax_of_a_softmax():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.softmax = nn.Softmax(-1)

        def forward(self, x):
            return F.softmax(self.softmax(self.fc(x)), -1)  # MI601

    return Net(), torch.randn(2, 8)


@rule.bad
def logarithm_of_a_softmax():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            probabilities = self.fc(x).softmax(-1)
            return probabilities.log()  # MI601

    return Net(), torch.randn(2, 8)


@rule.bad
def cross_entropy_of_a_softmax():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            out = torch.softmax(self.fc(x), dim=1)
            return F.cross_entropy(out, y)  # MI601

    return Net(), (torch.randn(2, 8), torch.zeros(2, dtype=torch.int64))


@rule.bad
def sigmoid_before_a_loss_with_logits():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)
            self.loss = nn.BCEWithLogitsLoss()

        def forward(self, x, y):
            out = torch.sigmoid(self.fc(x)).squeeze(-1)
            return out, self.loss(out, y)  # MI601

    return Net(), (torch.randn(2, 8), torch.zeros(2))


@rule.bad
def log_softmax_of_a_softmax_through_views():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = F.softmax(self.fc(x), dim=-1).unsqueeze(1).float()
            return F.log_softmax(x, dim=-1)  # MI601

    return Net(), torch.randn(2, 8)


@rule.good
def one_softmax():
    return nn.Sequential(nn.Linear(8, 4), nn.Softmax(-1)), torch.randn(2, 8)


@rule.good
def attention_twice():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            for _ in range(2):
                q, k, v = self.qkv(x).chunk(3, -1)
                x = (q @ k.transpose(-1, -2)).softmax(-1) @ v
            return self.head(x).softmax(-1)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def rows_and_then_columns():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 5)

        def forward(self, x):
            return self.fc(x).log_softmax(-1).log_softmax(-2).exp()

    return Net(), torch.randn(2, 5, 8)


@rule.good
def logarithm_with_an_epsilon():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            p = self.fc(x).softmax(-1)
            return p, -(p * (p + 1e-9).log()).sum(-1)

    return Net(), torch.randn(2, 8)


@rule.good
def both_of_the_logits():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            logits = self.fc(x)
            return logits.softmax(-1), logits.log_softmax(-1)

    return Net(), torch.randn(2, 8)


@rule.good
def gates_one_after_the_other():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 8)
            self.b = nn.Linear(8, 8)

        def forward(self, x):
            x = torch.sigmoid(self.a(x)) * x
            return torch.sigmoid(self.b(x)) * x

    return Net(), torch.randn(2, 8)


@rule.good
def loss_of_the_logits():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            logits = self.fc(x)
            return logits.softmax(-1), F.cross_entropy(logits, y)

    return Net(), (torch.randn(2, 8), torch.zeros(2, dtype=torch.int64))


@rule.good
def softmax_of_weighted_probabilities():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            weights = self.fc(x).softmax(-1)
            top, _ = weights.topk(2, -1)
            return (top * 3.0).softmax(-1)

    return Net(), torch.randn(2, 8)


@rule.bad
def divergence_from_probabilities():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            return F.kl_div(self.fc(x).softmax(-1), y)  # MI601

    return Net(), (torch.randn(2, 8), torch.rand(2, 4))


@rule.bad
def cross_entropy_of_a_sigmoid():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Sequential(nn.Linear(8, 4), nn.Sigmoid())

        def forward(self, x, y):
            return F.cross_entropy(self.fc(x), y)  # MI601

    return Net(), (torch.randn(2, 8), torch.zeros(2, dtype=torch.int64))


@rule.bad
def sigmoid_of_a_softmax():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Sequential(nn.Linear(8, 4), nn.Softmax(-1))

        def forward(self, x):
            return torch.sigmoid(self.fc(x))  # MI601

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
