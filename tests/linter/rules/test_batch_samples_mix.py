from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI402")


@rule.bad
def mean_over_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x - x.mean(0)  # MI402

    return Net(), torch.randn(4, 8)


@rule.bad
def softmax_over_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.softmax(self.fc(x), dim=0)  # MI402

    return Net(), torch.randn(2, 8)


@rule.bad
def largest_value_of_all():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            largest = x.abs().max()  # MI402
            return self.fc(x / largest)

    return Net(), torch.randn(1, 8)


@rule.bad
def reshape_across_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            batch, channels, length = x.shape
            x = x.permute(1, 0, 2).reshape(batch, channels, length)  # MI402
            return self.fc(x)

    return Net(), torch.randn(2, 6, 4)


@rule.bad
def batch_statistics_in_eval():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4, track_running_stats=False)

        def forward(self, x):
            return self.norm(self.conv(x))  # MI402

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def attention_that_takes_the_batch_for_the_sequence():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            out, _ = self.attention(x, x, x)  # MI402
            return self.head(out[:, -1])

    return Net(), torch.randn(2, 5, 8)


@rule.bad
def first_sample_as_the_reference():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x - x[:1]  # MI402

    return Net(), torch.randn(3, 8)


@rule.good
def batch_norm_with_running_statistics():
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()), torch.randn(2, 3, 8, 8)


@rule.good
def attention_along_the_sequence():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), torch.randn(2, 5, 8)


@rule.good
def statistics_of_each_sample():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc((x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True))

    return Net(), torch.randn(4, 8)


@rule.good
def similarities_of_all_pairs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = F.normalize(self.fc(x), dim=-1)
            return x, x @ x.t()

    return Net(), torch.randn(4, 8)


@rule.good
def loss_over_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            logits = self.fc(x)
            return logits, F.cross_entropy(logits, y)

    return Net(), (torch.randn(4, 8), torch.zeros(4, dtype=torch.int64))


@rule.good
def sequence_first_by_design():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8)
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            out, _ = self.lstm(x)
            return self.fc(out[-1])

    return Net(), torch.randn(7, 2, 8)


@rule.good
def transposed_for_a_recurrent_layer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(8, 8)

        def forward(self, x):
            return self.gru(x.transpose(0, 1))[0].transpose(0, 1)

    return Net(), torch.randn(2, 7, 8)


@rule.good
def tokens_of_each_sample():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 8)
            self.fc = nn.Linear(8, 4)

        def forward(self, ids, mask):
            x = self.embedding(ids) * mask[..., None]
            return self.fc(x.sum(1) / mask.sum(1, keepdim=True))

    return Net(), (torch.zeros(2, 5, dtype=torch.int64), torch.ones(2, 5))


@rule.good
def heads_folded_into_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            b, t, _ = x.shape
            q, k, v = (part.reshape(b, t, 2, 4).transpose(1, 2).reshape(b * 2, t, 4) for part in self.qkv(x).chunk(3, -1))
            out = torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
            return out.view(b, 2, t, 4).transpose(1, 2).reshape(b, t, 8)

    return Net(), torch.randn(2, 5, 8)


@rule.undecided
def nodes_of_a_graph():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, edges):
            source, target = edges
            return self.fc(torch.zeros_like(x).index_add(0, target, x[source]))

    return Net(), (torch.randn(5, 8), torch.tensor([[0, 1, 2], [1, 2, 3]]))


@rule.undecided
def nodes_with_an_adjacency():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, adjacency):
            return adjacency @ self.fc(x)

    return Net(), (torch.randn(5, 8), torch.rand(5, 5))


@rule.undecided
def nothing_but_a_loss():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            return F.mse_loss(self.fc(x), y)

    return Net(), (torch.randn(4, 8), torch.randn(4, 4))


@rule.good
def padded_to_the_longest():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(8, 8, batch_first=True)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            out, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)
            return out

    return Net(), (torch.randn(2, 5, 8), torch.tensor([5, 3]))


@rule.good
def sorted_and_sorted_back():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            order = x.sum(-1).argsort()
            return self.fc(x[order])[order.argsort()]

    return Net(), torch.randn(3, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
