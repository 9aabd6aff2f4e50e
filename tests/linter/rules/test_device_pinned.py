from __future__ import annotations

import warnings

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI502")


@rule.bad
def zeros_made_on_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return torch.cat([x, torch.zeros(x.shape[0], 1)], -1)  # MI502

    return Net(), torch.randn(2, 8)


@rule.bad
def positions_on_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 8)
            self.positions = nn.Embedding(16, 8)

        def forward(self, ids):
            positions = torch.arange(ids.shape[1])
            return self.embedding(ids) + self.positions(positions)  # MI502

    return Net(), torch.zeros(2, 5, dtype=torch.int64)


@rule.bad
def attribute_left_behind():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = torch.ones(4)

        def forward(self, x):
            return self.fc(x) * self.scale  # MI502

    return Net(), torch.randn(2, 8)


@rule.bad
def moved_to_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 4)
            self.b = nn.Linear(4, 2)

        def forward(self, x):
            x = self.a(x).cpu()
            return self.b(x)  # MI502

    return Net(), torch.randn(2, 8)


@rule.bad
def numpy_without_a_move():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            values = self.fc(x).detach().numpy()  # MI502
            return torch.from_numpy(values).to(x.device) + x[:, :4]

    return Net(), torch.randn(2, 8)


@rule.good
def constants_and_a_teacher_that_are_moved_by_hand():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.scale = torch.linspace(0, 1, 8)
            self.teacher = [nn.Linear(8, 8).requires_grad_(False)]

        def _apply(self, fn, recurse=True):
            super()._apply(fn, recurse)
            self.scale = fn(self.scale)
            self.teacher[0]._apply(fn)
            return self

        def forward(self, x):
            return self.fc(x) * self.scale, self.teacher[0](x)

    return Net(), torch.randn(2, 8)


@rule.good
def made_where_the_input_is():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return torch.cat([x, torch.zeros(x.shape[0], 1, device=x.device, dtype=x.dtype)], -1)

    return Net(), torch.randn(2, 8)


@rule.good
def made_like_the_input():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x + torch.ones_like(x) + x.new_zeros(4)

    return Net(), torch.randn(2, 8)


@rule.good
def buffers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("scale", torch.ones(4), persistent=False)

        def forward(self, x):
            return self.fc(x) * self.scale

    return Net(), torch.randn(2, 8)


@rule.good
def scalars_from_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x) * torch.tensor(2.0)
            return torch.where(x > 0, x, torch.tensor(0.0, dtype=x.dtype))

    return Net(), torch.randn(2, 8)


@rule.good
def indices_from_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x)[:, torch.tensor([3, 2, 1, 0])]

    return Net(), torch.randn(2, 8)


@rule.good
def moved_to_the_cpu_at_the_end():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x).cpu() + torch.ones(4, dtype=x.dtype)

    return Net(), torch.randn(2, 8)


@rule.good
def sizes_computed_on_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            count = int(torch.ones(4).sum())
            return self.fc(x)[:, :count]

    return Net(), torch.randn(2, 8)


@rule.undecided
def taken_to_numpy_by_way_of_the_cpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x, x.argmax(-1).cpu(), x.detach().cpu().numpy().shape

    return Net(), torch.randn(2, 8)


@rule.bad
def numpy_of_another_than_what_was_moved():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            x.sum().cpu()
            return x, x.detach().numpy().shape  # MI502

    return Net(), torch.randn(2, 8)


@rule.undecided
def scripted_module():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self.inner = torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.ReLU()))

        def forward(self, x):
            return self.inner(x)

    return Net(), torch.randn(2, 8)


@rule.good
def softmax_in_float32_and_back():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, ids):
            x = self.fc(x).softmax(-1, dtype=torch.float32).to(x.dtype)
            return x + torch.cumsum(ids, -1).type_as(x)

    return Net(), (torch.randn(2, 8), torch.ones(2, 4, dtype=torch.int64))


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
