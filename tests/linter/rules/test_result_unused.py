from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI603")


@rule.bad
def computed_for_nothing():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            scale = x.norm(dim=-1)  # noqa: F841 - MI603
            return x

    return Net(), torch.randn(2, 8)


@rule.bad
def forgotten_assignment():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            torch.relu(x)  # MI603
            return x

    return Net(), torch.randn(2, 8)


@rule.bad
def layer_whose_output_is_dropped():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.side = nn.Linear(8, 4)

        def forward(self, x):
            side = self.side(x)  # noqa: F841 - MI603
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def method_that_is_not_in_place():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            x.clamp(0, 1)  # MI603
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def everything_used():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x * x.norm(dim=-1, keepdim=True)

    return Net(), torch.randn(2, 8)


@rule.good
def in_place():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            x.clamp_(0, 1)
            x[:, 0] = 1.0
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def one_of_two_results():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8, batch_first=True)

        def forward(self, x):
            out, _ = self.lstm(x)
            values, _ = out.max(1)
            return values

    return Net(), torch.randn(2, 5, 8)


@rule.good
def kept_for_later():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.features = []

        def forward(self, x):
            x = self.fc(x)
            self.features.append(x.mean(-1))
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def read_in_a_check():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            assert torch.isfinite(x).all()
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def dropout_that_does_nothing_in_eval():
    return nn.Sequential(nn.Linear(8, 4), nn.Dropout(0.5), nn.Linear(4, 2)), torch.randn(2, 8)


@rule.good
def attention_weights_left_aside():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            out, _ = self.attention(x, x, x)
            return out

    return Net(), torch.randn(2, 5, 8)


@rule.good
def function_with_its_own_backward():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return 2 * x * gradient

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return Square.apply(self.fc(x))

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
