"""The nets that are measured: many tiny calls of several kinds, a deep convolutional net, a vision transformer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TinyBlock(nn.Module):
    """Four layers and three functional calls on a (4, 16) tensor: next to no arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.up = nn.Linear(16, 16)
        self.down = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        """(4, 16) to (4, 16)."""
        hidden = self.down(F.relu(self.up(self.norm(x))))
        return torch.tanh(x + hidden * 2)


class TinyCalls(nn.Module):
    """``blocks`` tiny blocks of seven ops each: what is left is the cost of each call."""

    def __init__(self, blocks: int = 50) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TinyBlock() for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """(4, 16) to (4, 16)."""
        for block in self.blocks:
            x = block(x)
        return x


class GatedBlock(nn.Module):
    """Two layers and seven functional calls (slices among them) on a (4, 16) tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.linear = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        """(4, 16) to (4, 16)."""
        y = F.gelu(self.linear(self.norm(x)))
        y = y * torch.sigmoid(y) + x
        return torch.cat([y[:, :8], y[:, 8:]], 1)


class GatedCalls(nn.Module):
    """50 blocks of nine ops each, most of them functional: 151 modules."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(GatedBlock() for _ in range(50)))

    def forward(self, x: Tensor) -> Tensor:
        """(4, 16) to (4, 16)."""
        out: Tensor = self.blocks(x)
        return out


class FunctionalCalls(nn.Module):
    """One module, 300 functional calls."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(16, 16) / 4)

    def forward(self, x: Tensor) -> Tensor:
        """(4, 16) to (4, 16)."""
        for _ in range(60):
            x = F.layer_norm(F.gelu(x @ self.weight), (16,)) * 0.5 + x
        return x


class Bottleneck(nn.Module):
    """The block of ResNet-50 and deeper (He et al., Deep Residual Learning for Image Recognition, 2015)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        plain = stride == 1 and channels == out
        self.shortcut = (
            nn.Identity() if plain else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 4 * width, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


class ResNet152(nn.Module):
    """ResNet-152: 60,192,808 parameters."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = 64
        for width, blocks, stride in ((64, 3, 1), (128, 8, 2), (256, 36, 2), (512, 3, 2)):
            for index in range(blocks):
                layers.append(Bottleneck(channels, width, stride if index == 0 else 1))
                channels = 4 * width
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 224, 224) to (B, 1000)."""
        return self.fc(self.layers(x).mean((2, 3)))


class ViTBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.out(attended)
        return x + self.mlp(self.norm2(x))


class ViTB16(nn.Module):
    """ViT-B/16: 86,567,656 parameters (Dosovitskiy et al., An Image is Worth 16x16 Words, 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 768, 16, 16)
        self.cls = nn.Parameter(torch.zeros(1, 1, 768))
        self.positions = nn.Parameter(torch.zeros(1, 197, 768))
        self.blocks = nn.Sequential(*(ViTBlock(768, 12) for _ in range(12)))
        self.norm = nn.LayerNorm(768)
        self.head = nn.Linear(768, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 224, 224) to (B, 1000)."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), tokens], 1) + self.positions
        return self.head(self.norm(self.blocks(tokens))[:, 0])
