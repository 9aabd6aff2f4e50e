from __future__ import annotations

import torch
from torch import nn

from tests.linter.rules.rule_cases import Cases

rule = Cases("MI302")


@rule.bad
def detached():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.encoder(x).detach())  # MI302

    return Net(), torch.randn(2, 8)


@rule.bad
def data_of_a_weight():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x):
            return self.fc(x) * self.scale.data  # MI302

    return Net(), torch.randn(2, 8)


@rule.bad
def encoder_without_gradients():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 8)
            self.b = nn.Linear(8, 8)

        def forward(self, x):
            x = self.a(x)
            return self.b(x)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = Block()
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            with torch.no_grad():
                x = self.encoder(x)  # MI302
            return self.head(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def through_numpy():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            values = self.encoder(x)
            values = values.detach().cpu().numpy()  # MI302
            return self.head(torch.from_numpy(values).to(x))

    return Net(), torch.randn(2, 8)


@rule.bad
def threshold_that_only_decides():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.threshold = nn.Parameter(torch.zeros(4))

        def forward(self, x):
            x = self.fc(x)
            keep = x > self.threshold  # MI302
            return x * keep

    return Net(), torch.randn(2, 8)


@rule.bad
def value_taken_to_python():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.fc(x) * self.scale.item()  # MI302

    return Net(), torch.randn(2, 8)


@rule.bad
def branch_whose_result_is_dropped():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.side = nn.Linear(8, 4)

        def forward(self, x):
            self.side(x)  # MI302
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.good
def nothing_cut():
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(2, 8)


@rule.good
def frozen_encoder():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8).requires_grad_(False)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            with torch.no_grad():
                x = self.encoder(x)
            return self.head(x)

    return Net(), torch.randn(2, 8)


@rule.good
def stopped_on_one_of_two_ways():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8)
            self.predictor = nn.Linear(8, 8)

        def forward(self, x):
            z = self.encoder(x)
            return self.predictor(z), z.detach()

    return Net(), torch.randn(2, 8)


@rule.good
def straight_through():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x + (x.round() - x).detach()

    return Net(), torch.randn(2, 8)


@rule.good
def without_gradients_in_eval_only():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            with torch.set_grad_enabled(self.training):
                return self.head(self.encoder(x))

    return Net(), torch.randn(2, 8)


@rule.good
def auxiliary_loss_kept_for_the_trainer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.gate = nn.Linear(8, 2)
            self.auxiliary_loss = None

        def forward(self, x):
            self.auxiliary_loss = self.gate(x).pow(2).mean()
            return self.fc(x)

    return Net(), torch.randn(2, 8)


@rule.bad
def without_gradients_as_the_forward_of_a_function_is():
    class Double(torch.autograd.Function):
        @staticmethod
        @torch.no_grad()
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.second = nn.Linear(8, 8)

        @torch.no_grad()
        def features(self, x):
            return self.first(x)  # MI302

        def forward(self, x):
            return Double.apply(self.second(self.features(x)))

    return Net(), torch.randn(2, 8)


@rule.good
def checkpointed_the_old_way():
    from torch.utils.checkpoint import checkpoint

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.second = nn.Linear(8, 8)

        def forward(self, x):
            return checkpoint(self.second, self.first(x), use_reentrant=True)

    return Net(), torch.randn(2, 8)


@rule.good
def function_with_its_own_backward():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return x * weight

        @staticmethod
        def backward(ctx, grad):
            x, weight = ctx.saved_tensors
            return grad * weight, (grad * x).sum(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8))

        def forward(self, x):
            return Double.apply(x, self.weight)

    return Net(), torch.randn(2, 8)


@rule.good
def weight_clamped_without_gradients():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x):
            with torch.no_grad():
                self.scale.clamp_(0, 10)
            return self.fc(x) * self.scale

    return Net(), torch.randn(2, 8)


@rule.undecided
def outputs_without_gradients_by_nature():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x).argmax(-1)

    return Net(), torch.randn(2, 8)


@rule.good
def force_as_the_gradient_of_an_energy():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 1)

        def forward(self, x):
            x = x.detach().requires_grad_()
            energy = torch.tanh(self.fc(x)).sum(-1)
            (force,) = torch.autograd.grad(energy.sum(), x, create_graph=True)
            return energy, -force

    return Net(), torch.randn(2, 8)


test_finds, test_mentions, test_passes, test_leaves_open = rule.tests()
