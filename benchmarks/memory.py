"""The peak memory of one look at one net, in a process of its own: ``python memory.py ResNet152 modinspect``."""

from __future__ import annotations

import sys

import nets
import peers
import torch
from measure import peak_mib

net, look = sys.argv[1:]
model = getattr(nets, net)().eval()
getattr(peers, look)(model, torch.rand(1, 3, 224, 224))
print(f"{peak_mib():.1f}")
