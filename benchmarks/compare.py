"""Ratios to the bare forward on one net: ``python compare.py TinyCalls 60 3 1`` prints them as JSON.

A process of its own for each net, as not all peers leave torch as it was; those that are slow come last and get fewer rounds:
torchlens wraps torch's functions, and leaves them so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

import measure
import nets
import peers
import torch

from modinspect.trace import Weightless, trace, without_memory

READ = "modinspect, read"
WEIGHTLESS = "modinspect, weightless"
TINY = ("TinyCalls", "GatedCalls", "FunctionalCalls")
QUICK = ("bare", "modinspect", READ, WEIGHTLESS, "torchinfo", "flop_counter")


def build(name: str) -> tuple[Callable[[], torch.nn.Module], torch.Tensor]:
    """What makes the net, and its input: one of this folder's, or a model of transformers at its default size."""
    if name in TINY:
        return getattr(nets, name), torch.rand(4, 16)
    if hasattr(nets, name):
        return getattr(nets, name), torch.rand(1, 3, 224, 224)
    library = import_module("transformers")
    config = getattr(library, name.replace("Model", "Config"))(use_cache=False)
    return partial(getattr(library, name), config), torch.arange(64).unsqueeze(0)


def compare(name: str, rounds: int, slow: int) -> dict[str, float]:
    """Ratios of all that can look at the net; ``slow`` are the rounds of the slow peers."""
    make, x = build(name)
    model = make().eval()
    looks: dict[str, Callable[[], object]] = {peer: partial(look, model, x) for peer, look in peers.installed().items()}
    with without_memory() as aliases:
        light = make().eval()
    looks[READ] = partial(peers.modinspect_read, model, x)
    looks[WEIGHTLESS] = partial(trace, light, (x,), weightless=Weightless(torch.device("cpu"), aliases))
    found = measure.ratios({peer: looks[peer] for peer in QUICK if peer in looks}, "bare", rounds)
    rest = {peer: look for peer, look in looks.items() if peer == "bare" or (peer not in QUICK and measure.works(look))}
    return {**measure.ratios(rest, "bare", slow), **found}


if __name__ == "__main__":
    net, rounds, slow, threads = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    print(json.dumps(compare(net, rounds, slow)))
