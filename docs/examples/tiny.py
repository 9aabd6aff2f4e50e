"""The model in the README's picture. One of its layers is in a plain list: nothing trains or saves it."""

import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.norm(x)).view(B, T, 3, 4, C // 4).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.out(y.transpose(1, 2).reshape(B, T, C))


class Tiny(nn.Module):
    def __init__(self, width=32, depth=6):
        super().__init__()
        self.embed = nn.Embedding(100, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(depth)])
        self.heads = [nn.Linear(width, 100)]

    def forward(self, ids):
        x = self.blocks(self.embed(ids))
        return self.heads[0](F.gelu(x))
