from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI102")


@rule.bad
def plain_list():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.layers = [nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)]

        def forward(self, x):
            x = self.fc(x)
            for layer in self.layers:
                x = layer(x)  # MI102
            return x

    return Net(), torch.randn(2, 8)


@rule.bad
def plain_dict():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = {"a": nn.Linear(8, 2), "b": nn.Linear(8, 3)}

        def forward(self, x):
            a = self.heads["a"](x)  # MI102
            b = self.heads["b"](x)  # MI102
            return a, b

    return Net(), torch.randn(2, 8)


@rule.bad
def closure():
    outer = nn.Linear(8, 8)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return outer(self.fc(x))  # MI102

    return Net(), torch.randn(2, 8)


@rule.bad
def list_of_a_class_of_ones_own():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            return self.norm(x + self.fc(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = tuple(Block() for _ in range(3))

        def forward(self, x):
            for block in self.blocks:
                x = block(x)  # MI102
            return x

    return Net(), torch.randn(2, 8)


@rule.bad
def holder_that_is_no_module():
    class Encoder:
        def __init__(self):
            self.fc = nn.Linear(8, 8)

        def __call__(self, x):
            return self.fc(x)  # MI102

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = Encoder()
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.encoder(x))

    return Net(), torch.randn(2, 8)


TABLE = nn.Embedding(10, 8)


@rule.bad
def global_module():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, ids):
            return self.fc(TABLE(ids))  # MI102

    return Net(), torch.zeros(2, 5, dtype=torch.int64)


@rule.good
def module_list():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def list_beside_the_registration():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.order = []
            for index in range(2):
                layer = nn.Linear(8, 8)
                self.add_module(f"layer{index}", layer)
                self.order.append(layer)

        def forward(self, x):
            for layer in self.order:
                x = layer(x)
            return x

    return Net(), torch.randn(2, 8)


@rule.good
def dict_of_activations():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.activations = {"relu": nn.ReLU(), "gelu": nn.GELU()}

        def forward(self, x):
            return self.activations["gelu"](self.fc(x))

    return Net(), torch.randn(2, 8)


@rule.good
def sequence_of_registered_ones_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 8)
            self.b = nn.Linear(8, 8)

        def forward(self, x):
            return nn.Sequential(self.a, nn.ReLU(), self.b)(x)

    return Net(), torch.randn(2, 8)


@rule.good
def loss_without_parameters_in_a_list():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.losses = [nn.MSELoss(), nn.L1Loss()]

        def forward(self, x, y):
            out = self.fc(x)
            return out, sum(loss(out, y) for loss in self.losses)

    return Net(), (torch.randn(2, 8), torch.randn(2, 4))


@rule.good
def list_that_never_runs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.spare = [nn.Linear(8, 4)]

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def function_of_a_registered_module():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.calls = [self.fc.forward, lambda x: self.fc(x[:, :8])]

        def forward(self, x):
            return self.calls[0](x) + self.calls[1](x)

    return Net(), torch.randn(2, 8)


@rule.mild
def frozen_teacher_hidden_on_purpose():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = nn.Linear(8, 4)
            self.teacher = [nn.Linear(8, 4).requires_grad_(False)]

        def forward(self, x):
            return self.student(x) - self.teacher[0](x)  # MI102

    return Net(), torch.randn(2, 8)


@rule.bad
def attribute_of_the_class():
    class Net(nn.Module):
        shared = nn.Linear(8, 8)

        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 2)

        def forward(self, x):
            return self.fc(self.shared(x))  # MI102

    return Net(), torch.randn(2, 8)


@rule.bad
def sequence_of_a_list_made_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)]

        def forward(self, x):
            return nn.Sequential(*self.layers)(x)  # MI102

    return Net(), torch.randn(2, 8)


@rule.good
def parent_kept_in_a_list():
    class Child(nn.Module):
        def __init__(self, parent):
            super().__init__()
            self.parent = [parent]
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            return self.parent[0].fc(self.norm(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.child = Child(self)

        def forward(self, x):
            return self.child(self.fc(x))

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
