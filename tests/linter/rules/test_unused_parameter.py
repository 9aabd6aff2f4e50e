from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI301")


@rule.bad
def layer_that_forward_leaves_out():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.spare = nn.Linear(8, 4)  # MI301

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def bare_parameter():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = nn.Parameter(torch.ones(4))  # MI301

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def whole_branch():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            return self.norm(self.fc(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = Block()
            self.auxiliary = nn.Sequential(Block(), Block())  # MI301
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.main(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def one_layer_of_each_block():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.norm = nn.LayerNorm(8)  # MI301

        def forward(self, x):
            return self.fc(x)

    return nn.Sequential(Block(), Block(), Block()), torch.randn(2, 8)


@rule.bad
def registered_by_name():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_parameter("temperature", nn.Parameter(torch.ones(1)))  # MI301

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def experts_that_a_router_does_not_choose_for_these_inputs():
    class MoE(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 8)
            self.router = nn.Linear(8, 3)
            self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

        def forward(self, ids):
            x = self.embedding(ids).flatten(0, 1)
            weights, chosen = self.router(x).softmax(-1).max(-1)
            out = torch.zeros_like(x)
            for index, expert in enumerate(self.experts):
                rows = chosen == index
                if rows.any():
                    out[rows] = expert(x[rows]) * weights[rows, None]
            return out.view(*ids.shape, -1)

    torch.manual_seed(0)
    return MoE(), torch.zeros(2, 5, dtype=torch.int64)


@rule.bad
def expert_that_no_router_can_choose():
    class MoE(nn.Module):
        def __init__(self):
            super().__init__()
            self.router = nn.Linear(8, 2)
            self.experts = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
            self.experts.append(nn.Linear(8, 8))  # MI301

        def forward(self, x):
            chosen = self.router(x).argmax(-1)
            out = torch.zeros_like(x)
            for index, expert in enumerate(self.experts):
                rows = chosen == index
                if rows.any():
                    out[rows] = expert(x[rows])
            return out

    return MoE(), torch.randn(16, 8)


@rule.good
def all_used():
    return nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4), nn.PReLU()), torch.randn(2, 8)


@rule.good
def used_in_training_only():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.auxiliary = nn.Linear(8, 2)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            if self.training:
                return self.head(x), self.auxiliary(x)
            return self.head(x)

    return Net(), torch.randn(2, 8)


@rule.good
def frozen_and_unused():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.spare = nn.Linear(8, 4).requires_grad_(False)

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def weight_used_without_its_layer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.linear(x, self.fc.weight, self.fc.bias)

    return Net(), torch.randn(2, 8)


@rule.good
def tied_weights():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 8)
            self.head = nn.Linear(8, 10, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids):
            return F.linear(self.embedding(ids), self.embedding.weight)

    return Net(), torch.zeros(2, 5, dtype=torch.int64)


@rule.good
def parameter_that_is_the_output():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.fc(x), self.scale

    return Net(), torch.randn(2, 8)


@rule.good
def recurrent_and_parametrized():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8, bidirectional=True, batch_first=True)
            self.fc = nn.utils.parametrizations.weight_norm(nn.Linear(16, 4))

        def forward(self, x):
            return self.fc(self.lstm(x)[0])

    return Net(), torch.randn(2, 5, 8)


@rule.good
def called_through_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc.forward(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def last_of_the_stages_that_a_loop_appends():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stages = nn.ModuleList()
            for _ in range(3):
                self.stages.append(nn.Linear(8, 8))  # MI301
            self.used = (0, 1)

        def forward(self, x):
            return [stage(x) for index, stage in enumerate(self.stages) if index in self.used]

    return Net(), torch.randn(2, 8)


@rule.bad
def head_put_into_a_dict_of_modules():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = nn.ModuleDict()
            for name in ("a", "b"):
                self.heads[name] = nn.Linear(8, 2)  # MI301

        def forward(self, x):
            return self.heads["a"](x)

    return Net(), torch.randn(2, 8)


@rule.bad
def one_of_several_lines_that_append():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList()  # MI301
            self.layers.append(nn.Linear(8, 8))
            self.layers.append(nn.Linear(8, 8))

        def forward(self, x):
            return self.layers[0](x)

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
