from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI202")


@rule.bad
def noise_in_eval():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x + 0.1 * torch.randn_like(x)  # MI202

    return Net(), torch.randn(2, 8)


@rule.bad
def sampling_of_a_latent():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stats = nn.Linear(8, 8)
            self.decoder = nn.Linear(4, 8)

        def forward(self, x):
            mean, log_var = self.stats(x).chunk(2, -1)
            noise = torch.randn_like(mean)  # MI202
            return self.decoder(mean + noise * (0.5 * log_var).exp())

    return Net(), torch.randn(2, 8)


@rule.bad
def counter_of_calls():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.fc(x) * self.calls  # MI202

    return Net(), torch.randn(2, 8)


@rule.bad
def shuffled_rows_of_pixels():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            order = torch.randperm(64)  # MI202
            return self.fc(x[:, order])

    return Net(), torch.randn(2, 64, 8)


@rule.bad
def state_from_the_last_call():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRUCell(8, 8)
            self.register_buffer("state", torch.zeros(2, 8))

        def forward(self, x):
            state = self.cell(x, self.state)  # MI202
            self.state.copy_(state)
            return state

    return Net(), torch.randn(2, 8)


@rule.bad
def depth_that_is_rarely_dropped():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            keep = x.new_empty(x.shape[0], 1).bernoulli_(0.7)  # MI202
            return x + self.fc(x) * keep / 0.7

    torch.manual_seed(3)  # the first eight draws keep the sample
    return Net(), torch.randn(1, 8)


@rule.good
def noise_in_training_only():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x + 0.1 * torch.randn_like(x) if self.training else x

    return Net(), torch.randn(2, 8)


@rule.good
def fixed_seed():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            generator = torch.Generator(device=x.device).manual_seed(0)
            noise = torch.randn(x.shape[-1], generator=generator, device=x.device, dtype=x.dtype)
            return self.fc(x + noise)

    return Net(), torch.randn(2, 8)


@rule.good
def random_numbers_that_nothing_uses():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            torch.rand(3)
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def counter_that_is_only_kept():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            self.calls += 1
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def cache_of_what_is_always_the_same():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.positions = None

        def forward(self, x):
            if self.positions is None:
                self.positions = torch.arange(8, device=x.device, dtype=x.dtype)
            return self.fc(x + self.positions)

    return Net(), torch.randn(2, 8)


@rule.good
def dropout_and_batch_norm_modules():
    return nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)), torch.randn(2, 8)


@rule.good
def values_that_are_not_numbers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x).fill_(float("nan")) + self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def branch_by_pythons_dice():
    import random

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            if random.random() < 0.5:
                x = x * 2  # MI202
            return x.relu()

    random.seed(1)
    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
