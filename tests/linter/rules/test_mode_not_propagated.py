from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI203")


@rule.bad
def train_that_forgets_its_children():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.drop = nn.Dropout(0.5)

        def train(self, mode=True):  # MI203
            self.training = mode
            return self

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def block_that_ignores_the_mode():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def train(self, mode=True):  # MI203
            return self

        def forward(self, x):
            return self.norm(x) if not self.training else x

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.block = Block()

        def forward(self, x):
            return self.block(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def eval_that_switches_dropout_on():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.drop = nn.Dropout(0.0)

        def eval(self):  # MI203
            super().eval()
            self.drop.train()
            return self

        def forward(self, x):
            return self.drop(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def forward_that_switches_a_layer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.drop = nn.Dropout(0.0)

        def forward(self, x):
            self.drop.train()
            return self.drop(self.fc(x))  # MI203

    return Net(), torch.randn(2, 8)


@rule.bad
def train_mode_that_does_not_come_back():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.norm = nn.BatchNorm1d(4)

        def train(self, mode=True):  # MI203
            if not mode:
                return super().train(False)
            self.training = True
            return self

        def forward(self, x):
            return self.norm(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.good
def no_override():
    return nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)), torch.randn(2, 8)


@rule.good
def override_that_passes_it_on():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.drop = nn.Dropout(0.5)
            self.switches = 0

        def train(self, mode=True):
            self.switches += 1
            return super().train(mode)

        def forward(self, x):
            return self.drop(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.good
def frozen_part_kept_in_eval():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)).requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def train(self, mode=True):
            super().train(mode)
            self.backbone.eval()
            return self

        def forward(self, x):
            return self.head(self.backbone(x))

    return Net(), torch.randn(2, 8)


@rule.good
def frozen_part_that_can_no_longer_be_switched():
    def stay(self, mode=True):
        return self

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.teacher = nn.Linear(8, 8).requires_grad_(False).eval()
            self.teacher.train = stay.__get__(self.teacher)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.teacher(x))

    return Net(), torch.randn(2, 8)


@rule.good
def handed_in_in_eval_mode():
    return nn.Sequential(nn.Linear(8, 4), nn.Dropout(0.5)).eval(), torch.randn(2, 8)


@rule.good
def shared_submodule():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 8)
            self.b = self.a

        def forward(self, x):
            return self.b(self.a(x))

    return Net(), torch.randn(2, 8)


@rule.mild
def trainable_part_kept_in_eval():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.norm = nn.BatchNorm1d(4)

        def train(self, mode=True):  # MI203
            super().train(mode)
            self.norm.eval()
            return self

        def forward(self, x):
            return self.norm(self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def layer_replaced_beside_one_that_is_switched():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            self.head = nn.Linear(8, 2)
            self.fc.train()
            x = self.fc(x)  # MI203
            return self.head(x)

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
