from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI403")


@rule.bad
def view_with_a_number():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.fc = nn.Linear(144, 2)

        def forward(self, x):
            x = self.conv(x)
            x = x.view(1, -1)  # MI403
            return self.fc(x)

    return Net(), torch.randn(1, 3, 8, 8)


@rule.bad
def state_of_a_fixed_size():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8, batch_first=True)

        def forward(self, x):
            state = torch.zeros(1, 1, 8, device=x.device, dtype=x.dtype)
            return self.lstm(x, (state, state))[0]  # MI403

    return Net(), torch.randn(1, 5, 8)


@rule.bad
def buffer_as_large_as_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("noise", torch.randn(4, 4))

        def forward(self, x):
            return self.fc(x) + self.noise  # MI403

    return Net(), torch.randn(4, 8)


@rule.bad
def only_one_at_a_time():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            if x.shape[0] != 1:
                raise ValueError("one sample at a time")  # MI403
            return self.fc(x)

    return Net(), torch.randn(1, 8)


@rule.bad
def first_dimension_squeezed():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x).squeeze(0)  # MI403

    return Net(), torch.randn(1, 8)


@rule.bad
def expanded_to_a_number():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            token = self.token.expand(2, -1, -1)
            return self.fc(torch.cat([token, x], 1))  # MI403

    return Net(), torch.randn(2, 5, 8)


@rule.good
def view_with_the_size_of_the_input():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.fc = nn.Linear(144, 2)

        def forward(self, x):
            return self.fc(self.conv(x).view(x.shape[0], -1))

    return Net(), torch.randn(1, 3, 8, 8)


@rule.good
def state_of_the_size_of_the_input():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8, batch_first=True)

        def forward(self, x):
            state = x.new_zeros(1, x.shape[0], 8)
            return self.lstm(x, (state, state))[0]

    return Net(), torch.randn(1, 5, 8)


@rule.good
def token_expanded_to_the_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1))

    return Net(), torch.randn(2, 5, 8)


@rule.good
def buffer_that_broadcasts():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.register_buffer("shift", torch.ones(1, 4))

        def forward(self, x):
            return self.fc(x) + self.shift

    return Net(), torch.randn(1, 8)


@rule.good
def sequence_of_a_fixed_length():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions = nn.Parameter(torch.zeros(1, 5, 8))
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x + self.positions)

    return Net(), torch.randn(2, 5, 8)


@rule.good
def two_views_in_one_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, time):
            return self.fc(x) * time[:, None]

    return Net(), (torch.randn(4, 8), torch.rand(4))


@rule.undecided
def image_without_a_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x)

    return Net(), torch.randn(3, 8, 8)


@rule.undecided
def image_that_gets_its_batch_in_forward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x.unsqueeze(0))

    return Net(), torch.randn(3, 8, 8)


@rule.undecided
def list_of_images():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, images):
            return self.conv(torch.stack(images))

    return Net(), ([torch.randn(3, 8, 8), torch.randn(3, 8, 8)],)


@rule.undecided
def sequence_without_a_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8)

        def forward(self, x):
            return self.lstm(x)[0]

    return Net(), torch.randn(5, 8)


@rule.good
def state_handed_in_beside_the_sequence():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 8, batch_first=True)

        def forward(self, x, h, c):
            return self.lstm(x, (h, c))[0]

    return Net(), (torch.randn(1, 5, 8), torch.zeros(1, 1, 8), torch.zeros(1, 1, 8))


@rule.good
def state_of_two_layers_handed_in():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(8, 8, num_layers=2, batch_first=True)

        def forward(self, x, h):
            return self.gru(x, h)[0]

    return Net(), (torch.randn(3, 5, 8), torch.zeros(2, 3, 8))


@rule.good
def batch_as_large_as_the_sequence():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(x)

    return Net(), torch.randn(4, 4, 4)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
