"""The others that look at a forward, each as a function of a model and its input. Those not installed are left out."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec

import torch
from torch import Tensor, nn

Look = Callable[[nn.Module, Tensor], object]


def bare(model: nn.Module, x: Tensor) -> object:
    """The forward alone."""
    with torch.no_grad():
        return model(x)


def modinspect(model: nn.Module, x: Tensor) -> object:
    """Shapes, sources, owners and FLOPs of each op, and the report of it."""
    import modinspect

    return modinspect.inspect(model, x)


def modinspect_read(model: nn.Module, x: Tensor) -> object:
    """The same, and the report made into data, which happens when something of it is first asked for."""
    import modinspect

    return modinspect.inspect(model, x).ops


def torchinfo(model: nn.Module, x: Tensor) -> object:
    """Module tree, shapes, mult-adds."""
    import torchinfo

    return torchinfo.summary(model, input_data=x, verbose=0, cache_forward_pass=False)


def flop_counter(model: nn.Module, x: Tensor) -> object:
    """FLOPs alone."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops()


def torchview(model: nn.Module, x: Tensor) -> object:
    """A graph of modules and functions."""
    import torchview

    return torchview.draw_graph(model, input_data=x, device="cpu")


def fvcore(model: nn.Module, x: Tensor) -> object:
    """FLOPs from a trace."""
    from fvcore.nn import FlopCountAnalysis

    return FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()


def torchlens(model: nn.Module, x: Tensor) -> object:
    """Every operation."""
    import torchlens

    with redirect_stdout(io.StringIO()):
        return torchlens.trace(model, x)


ALL: tuple[Look, ...] = (bare, modinspect, torchinfo, flop_counter, torchview, fvcore, torchlens)


def installed() -> dict[str, Look]:
    """Those that can be measured here, by name."""
    part_of_torch = {"bare", "modinspect", "flop_counter"}
    return {look.__name__: look for look in ALL if look.__name__ in part_of_torch or find_spec(look.__name__)}
