from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI503")


@rule.bad
def zeros_of_the_default_dtype():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(9, 4)

        def forward(self, x):
            x = torch.cat([x, torch.zeros(x.shape[0], 1, device=x.device)], -1)
            return self.fc(x)  # MI503

    return Net(), torch.randn(2, 8)


@rule.bad
def constant_that_widens_the_output():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x) * torch.linspace(0, 1, 4, device=x.device)  # MI503

    return Net(), torch.randn(2, 8)


@rule.bad
def cast_in_the_middle():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 4)
            self.b = nn.Linear(4, 2)

        def forward(self, x):
            x = self.a(x).float()
            return self.b(x)  # MI503

    return Net(), torch.randn(2, 8)


@rule.bad
def cast_and_never_back():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.conv(x).to(torch.float32)  # MI503
            return F.avg_pool2d(F.relu(x), 2)

    return Net(), torch.randn(2, 3, 8, 8)


@rule.bad
def mask_that_widens_the_scores():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            mask = torch.full((x.shape[1], x.shape[1]), -1e9, device=x.device).triu(1)
            scores = (q @ k.transpose(-1, -2) + mask).softmax(-1)
            return scores @ v  # MI503

    return Net(), torch.randn(2, 5, 8)


@rule.bad
def constant_before_a_layer_that_no_line_calls():
    class Positions(nn.Module):
        def forward(self, x):
            x = x + torch.arange(x.shape[1], device=x.device)[:, None] / 8  # MI503
            return x * 2

    return nn.Sequential(nn.Linear(4, 8), Positions(), nn.Dropout(), nn.Linear(8, 4)), torch.randn(2, 5, 4)


@rule.good
def everything_in_the_dtype_of_the_input():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(9, 4)

        def forward(self, x):
            return self.fc(torch.cat([x, x.new_zeros(x.shape[0], 1)], -1))

    return Net(), torch.randn(2, 8)


@rule.good
def norm_in_float32():
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8))

        def forward(self, x):
            wide = x.to(torch.float32)
            wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
            return self.weight * wide.to(x.dtype)

    return nn.Sequential(nn.Linear(8, 8), Norm(), nn.Linear(8, 4)), torch.randn(2, 8)


@rule.good
def softmax_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            scores = F.softmax(q @ k.transpose(-1, -2), dim=-1, dtype=torch.float32).to(q.dtype)
            return scores @ v

    return Net(), torch.randn(2, 5, 8)


@rule.good
def logits_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x).float()

    return Net(), torch.randn(2, 8)


@rule.good
def loss_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, y):
            return F.cross_entropy(self.fc(x).float(), y)

    return Net(), (torch.randn(2, 8), torch.zeros(2, dtype=torch.int64))


@rule.good
def scalar_constant():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x) * torch.tensor(0.5)

    return Net(), torch.randn(2, 8)


@rule.good
def rotary_angles_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.register_buffer("inv_freq", 1.0 / 10000 ** (torch.arange(0, 8, 2) / 8), persistent=False)

        def forward(self, x):
            angles = torch.arange(x.shape[1], device=x.device).float()[:, None] * self.inv_freq.float()[None]
            cos = torch.cat([angles, angles], -1).cos().to(x.dtype)
            return self.fc(x) * cos

    return Net(), torch.randn(2, 5, 8)


@rule.good
def probabilities_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return torch.softmax(self.fc(x).float(), -1)

    return Net(), torch.randn(2, 8)


@rule.mild
def number_too_large_for_float16():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x, mask):
            return self.fc(x).masked_fill(mask, -1e9)  # MI503

    return Net(), (torch.randn(2, 8), torch.zeros(2, 4, dtype=torch.bool))


@rule.good
def state_kept_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            x = self.fc(x)
            state = x.float().transpose(1, 2) @ x.float()
            return (x.float() @ state).to(x.dtype), state

    return Net(), torch.randn(2, 5, 8)


@rule.good
def state_that_decays_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.decay = nn.Parameter(torch.zeros(8))
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            x = self.fc(x)
            state = -torch.exp(self.decay.float()) * x
            return self.fc(state.to(x.dtype)), state

    return Net(), torch.randn(2, 8)


@rule.mild
def function_that_has_no_bfloat16_anywhere():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return torch.fft.rfft(self.fc(x)).abs()  # MI503

    return Net(), torch.randn(2, 8)


@rule.bad
def large_model_that_raises():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(1024, 1024), nn.Linear(1024, 4)

        def forward(self, x):
            x = self.first(x) + torch.zeros(1024, device=x.device)
            return self.second(x)  # MI503

    return Net(), torch.randn(512, 1024)


@rule.bad
def large_model_that_goes_on_in_float32():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1024, 1024)

        def forward(self, x):
            return self.fc(x) * torch.linspace(0, 1, 1024, device=x.device)  # MI503

    return Net(), torch.randn(512, 1024)


@rule.good
def large_model_in_the_dtype_of_its_input():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1024, 1024)

        def forward(self, x):
            x = self.fc(x)
            return x.softmax(-1, dtype=torch.float32).to(x.dtype) @ x.mT

    return Net(), torch.randn(512, 1024)


@rule.good
def state_made_in_float32_beside_the_output():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.decay = nn.Parameter(torch.ones(8))

        def forward(self, x):
            states = torch.zeros(*x.shape, 2, dtype=torch.float32, device=x.device)
            states -= 1e30
            state = torch.maximum(states[..., 0] + self.decay, x.float())
            return self.fc((x * state).to(x.dtype)), state

    return Net(), torch.randn(2, 8)


@rule.bad
def constant_made_in_float32_that_the_only_output_goes_on_in():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return self.fc(x) + torch.ones(8, dtype=torch.float32, device=x.device)  # MI503

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
