from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI201")


@rule.bad
def functional_dropout_without_training():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.dropout(self.fc(x), 0.5)  # MI201

    return Net(), torch.randn(2, 8)


@rule.bad
def dropout_of_attention():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            return F.scaled_dot_product_attention(q, k, v, dropout_p=0.1)  # MI201

    return Net(), torch.randn(2, 5, 8)


@rule.bad
def module_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return nn.Dropout(0.5)(self.fc(x))  # MI201

    return Net(), torch.randn(2, 8)


@rule.bad
def dropout_in_a_list():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.drops = [nn.Dropout(0.5)]

        def forward(self, x):
            return self.drops[0](self.fc(x))  # MI201

    return Net(), torch.randn(2, 8)


@rule.bad
def functional_batch_norm_of_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("mean", torch.zeros(4))
            self.register_buffer("var", torch.ones(4))

        def forward(self, x):
            return F.batch_norm(self.fc(x), self.mean, self.var, training=True)  # MI201

    return Net(), torch.randn(4, 8)


@rule.bad
def channels_dropped_always():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return F.dropout2d(self.conv(x), 0.2, True)  # MI201

    return Net(), torch.randn(2, 3, 8, 8)


@rule.good
def functional_dropout_that_knows_the_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.dropout(self.fc(x), 0.5, training=self.training)

    return Net(), torch.randn(2, 8)


@rule.good
def attention_that_knows_the_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            return F.scaled_dot_product_attention(q, k, v, dropout_p=0.1 if self.training else 0.0)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def probability_of_zero():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.dropout(self.fc(x), 0.0)

    return Net(), torch.randn(2, 8)


@rule.good
def modules():
    return nn.Sequential(nn.Linear(8, 4), nn.Dropout(0.5), nn.AlphaDropout(0.1)), torch.randn(2, 8)


@rule.good
def behind_a_branch_on_the_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            if self.training:
                x = F.dropout(x, 0.5)
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def torchs_own_attention_with_dropout():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, dropout=0.3, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    return Net(), torch.randn(2, 5, 8)


@rule.good
def functional_batch_norm_that_knows_the_mode():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("mean", torch.zeros(4))
            self.register_buffer("var", torch.ones(4))

        def forward(self, x):
            return F.batch_norm(self.fc(x), self.mean, self.var, training=self.training)

    return Net(), torch.randn(4, 8)


@rule.good
def stacked_lstm_with_dropout():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8, num_layers=2, dropout=0.3, batch_first=True)

        def forward(self, x):
            return self.lstm(x)[0]

    return Net(), torch.randn(2, 5, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
