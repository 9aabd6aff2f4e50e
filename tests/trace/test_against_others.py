"""Independent checks: numbers that others published, and call sequences that ``torch.fx`` finds in another way."""

from __future__ import annotations

import operator
from typing import Any

import pytest
import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

import modinspect
from modinspect.report import Report
from modinspect.trace import trace

# -- models whose numbers are in papers and model cards, written out here


class Bottleneck(nn.Module):
    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.down: nn.Module | None = None
        if stride != 1 or inside != 4 * width:
            self.down = nn.Sequential(nn.Conv2d(inside, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + (x if self.down is None else self.down(x)))


def resnet50() -> nn.Module:
    """ResNet-50 as in torchvision: https://pytorch.org/vision/main/models/generated/torchvision.models.resnet50.html."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(depth):
            layers.append(Bottleneck(inside, width, stride if index == 0 else 1))
            inside = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class VisionTransformer(nn.Module):
    """ViT-B/16 as in torchvision: https://pytorch.org/vision/main/models/generated/torchvision.models.vit_b_16.html."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 768, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, 768))
        self.positions = nn.Parameter(torch.zeros(1, 197, 768))
        layer = nn.TransformerEncoderLayer(768, 12, 3072, 0.0, F.gelu, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 12, nn.LayerNorm(768), enable_nested_tensor=False)
        self.head = nn.Linear(768, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.head(self.encoder(x)[:, 0])


@pytest.fixture(scope="module")
def resnet() -> Report:
    with torch.device("meta"):
        model = resnet50().eval()
    return modinspect.inspect(model, torch.empty(1, 3, 224, 224, device="meta"))


@pytest.fixture(scope="module")
def vit() -> Report:
    with torch.device("meta"):
        model = VisionTransformer().eval()
    return modinspect.inspect(model, torch.empty(1, 3, 224, 224, device="meta"))


def test_resnet50_has_its_published_numbers(resnet: Report) -> None:
    assert resnet.error is None
    assert resnet.totals.params == 25_557_032
    assert round(resnet.totals.flops / 2 / 1e9, 2) == 4.09
    assert resnet.totals.uncounted_ops == 0
    assert sum(op.name == "torch.nn.functional.conv2d" for op in resnet.ops) == 53
    assert resnet.outputs[0].shape == (1, 1000)


def test_what_print_does_not_show_of_resnet50(resnet: Report) -> None:
    hidden = [op.name.rpartition(".")[2] for op in resnet.ops if op.hidden]
    assert (hidden.count("relu"), hidden.count("add"), len(hidden)) == (48, 16, 64)
    assert resnet.totals.hidden_flops == 0


def test_vit_b_16_has_its_published_numbers(vit: Report) -> None:
    assert vit.error is None
    assert vit.totals.params == 86_567_656
    # 17.56 GMACs with the products inside attention: patches, 12 blocks, head.
    by_hand = 196 * 768 * 768 + 12 * (197 * (4 * 768**2 + 8 * 768**2) + 2 * 197**2 * 768) + 768 * 1000
    assert vit.totals.estimated_flops == 2 * by_hand
    assert round(by_hand / 1e9, 2) == 17.56
    assert {info.calls for info in vit.modules if info.layer and not info.path.endswith("out_proj")} == {1}


# -- torch.fx reads the code with stand-ins for tensors; what it lists must be what ran


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.fc(x)) * self.scale
        y = F.gelu(y) + x
        z = torch.cat([y, x], dim=1).reshape(x.size(0), 2, 4)
        return torch.softmax(z.transpose(1, 2), dim=-1).sum(1) - z[:, 0, :2]


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))
        x = F.max_pool2d(x, 2) + F.avg_pool2d(x, 2)
        x = x.mean(dim=(2, 3))
        return -self.fc(F.dropout(x, 0.1, self.training)).log_softmax(-1)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 4)
        self.register_buffer("shift", torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x) + self.shift
        left, right = torch.split(h, 4, dim=-1)
        return self.b(torch.cat((left.sigmoid() * right, torch.tanh(left)), -1)) @ self.b.weight


_QUESTIONS = {"size", "shape", "getattr"}
_SPELLINGS = {"truediv": "div", "getitem": "__getitem__", "unsqueeze_": "unsqueeze"}


def by_fx(model: nn.Module) -> list[str]:
    """Functions and methods by name, layers by path, in the order in which fx finds them."""
    found = []
    for node in torch.fx.symbolic_trace(model).graph.nodes:
        if node.op == "call_module":
            found.append(node.target)
        elif node.op in ("call_function", "call_method"):
            name = node.target if isinstance(node.target, str) else node.target.__name__
            taken_apart = node.target is operator.getitem and isinstance(node.args[1], int)  # of a tuple: no op
            if name not in _QUESTIONS and not taken_apart:
                found.append(_SPELLINGS.get(name, name))
    return found


def by_us(report: Report) -> list[str]:
    layers = {info.path for info in report.modules if info.layer}
    return [op.module if op.module in layers else op.name.rpartition(".")[2] for op in report.ops]


@pytest.mark.parametrize(
    ("model", "shape"),
    [(Plain(), (2, 4)), (Convolutional(), (2, 3, 8, 8)), (Gated(), (2, 4))],
    ids=lambda value: type(value).__name__,
)
def test_fx_finds_the_same_calls(model: nn.Module, shape: Any) -> None:
    model.eval()
    report = trace(model, (torch.ones(shape),))
    assert report.error is None
    assert by_us(report) == by_fx(model)


TRACEABLE = ("alexnet", "densenet121", "mnasnet0_5", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "squeezenet1_1")


@pytest.mark.parametrize("name", TRACEABLE)
def test_fx_finds_the_same_calls_in_models_of_torchvision(name: str) -> None:
    models = pytest.importorskip("torchvision.models")
    model = models.get_model(name).eval()
    report = trace(model, (torch.ones(1, 3, 224, 224),))
    assert report.error is None
    # x += y is x + y to fx, whose stand-ins for tensors can't be added to in place
    assert ["add" if call == "add_" else call for call in by_us(report)] == by_fx(model)
