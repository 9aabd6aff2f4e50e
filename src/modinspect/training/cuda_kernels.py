"""Functions that keep other tensors for backward on a GPU than on the CPU, replaced by what CUDA runs.

Which kernel torch chooses follows ``aten/src/ATen/native/transformers/cuda/sdp_utils.cpp`` and ``native/Dropout.cpp``.
What cuDNN takes is documented nowhere: the two formulas for its workspaces were fitted to one H200 (cuDNN 9) and are marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_HALF = frozenset({torch.float16, torch.bfloat16})
_GATES = {torch.lstm: 4, torch.gru: 3, torch.rnn_tanh: 1, torch.rnn_relu: 1}

Workspace = Callable[[int], None]
"""Takes a number of bytes that a kernel needs while it runs."""


class CudaKernels(TorchFunctionMode):
    """Inside, dropout, attention, RMS norm and recurrent layers allocate what they do on a GPU.

    Args:
        workspace: called with the bytes that a kernel allocates for as long as it runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        replacement = _REPLACED.get(func)
        if replacement is not None:
            return replacement(*args, **kwargs)
        if func is F.multi_head_attention_forward:
            with _replaced_by_name():
                return func(*args, **kwargs)
        if func in _GATES and isinstance(args[2], (list, tuple)):  # packed sequences have another signature
            return _recurrent(_GATES[func], self._workspace, *args, **kwargs)
        return func(*args, **kwargs)


@contextmanager
def _replaced_by_name() -> Iterator[None]:
    """Inside, what ``torch.nn.functional`` calls among itself is replaced, too: no mode sees the calls inside its functions."""
    originals = {"dropout": F.dropout, "scaled_dot_product_attention": F.scaled_dot_product_attention}
    for name, original in originals.items():
        setattr(F, name, _REPLACED[original])
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(F, name, original)


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """CUDA keeps a mask of booleans; the CPU keeps one of floats."""
    if not training or p == 0:
        return input
    dropped: Tensor = torch.native_dropout(input, p, True)[0]
    return input.copy_(dropped) if inplace else dropped


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Flash attention for half precision without a mask, memory-efficient attention otherwise, else plain products."""
    out: Tensor
    grouped = enable_gqa and query.size(-3) != key.size(-3)
    flash = query.dtype in _HALF and attn_mask is None and query.size(-1) == value.size(-1) and query.size(-1) <= 256
    if query.dim() != 4 or (grouped and not flash) or query.dtype is torch.float64:
        out = torch.ops.aten._scaled_dot_product_attention_math(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )[0]
        return out
    if flash:
        out = torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, scale=scale)[0]
        return out
    if attn_mask is not None:
        attn_mask = _bias(attn_mask, query, key)
    keeps = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (query, key, value))
    out = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, keeps, dropout_p, is_causal, scale=scale
    )[0]
    return out


def _bias(mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
    if mask.dtype is torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill_(mask.logical_not(), float("-inf"))
    return mask.expand(query.size(0), query.size(1), query.size(2), key.size(2))


def _rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    normed: Tensor = torch.ops.aten._fused_rms_norm(input, list(normalized_shape), weight, eps)[0]
    return normed


_REPLACED: dict[Any, Callable[..., Tensor]] = {
    F.dropout: _dropout,
    torch.dropout: _dropout,
    F.scaled_dot_product_attention: _attention,
}
if hasattr(torch.ops.aten, "_fused_rms_norm"):  # since torch 2.9 one kernel, which keeps the reciprocal of the norm only
    _REPLACED |= {F.rms_norm: _rms_norm, torch.rms_norm: _rms_norm}


def conv_workspace(input: Tensor, weight: Tensor, output: Tensor, groups: int, *, backward: bool) -> int:
    """Bytes of a convolution's workspace: copies of its operands in channels-last layout. Fitted, not documented.

    Kernels for tensor cores want channels-last operands. Others take next to nothing: they are chosen for grouped and pointwise
    convolutions, for few channels, and in forward for many.

    Args:
        input: the convolution's input, ``(N, C, ...)``.
        weight: its weight, ``(out channels, C / groups, ...)``.
        output: its output, or the output's gradient.
        groups: its groups.
        backward: whether this is the backward of it.
    """
    channels = input.size(1)
    if groups != 1 or weight.shape[2:].numel() == 1 or channels % 8 or channels < 16 or (channels > 64 and not backward):
        return 0
    return sum(tensor.numel() * tensor.element_size() for tensor in (input, weight, output))


def _recurrent(gates: int, workspace: Workspace, input: Tensor, hidden: Any, weights: Sequence[Tensor], *options: Any) -> Any:
    """A recurrent net as cuDNN runs it: one op that keeps a reserve for backward.

    ``options`` are the rest of ``torch.lstm``'s arguments: has_biases, num_layers, dropout, train, bidirectional, batch_first.
    """
    _, layers, _, _, bidirectional, _ = options
    states = tuple(hidden) if isinstance(hidden, (list, tuple)) else (hidden,)
    plan = _Plan(gates, layers, 2 if bidirectional else 1, len(states), torch.is_grad_enabled(), workspace)
    return _CudnnRnn.apply(plan, input, *states, *weights)


@dataclass(frozen=True)
class _Plan:
    """The sizes of one recurrent net. ``states`` is 2 for an LSTM, else 1; ``keeps`` says that backward will follow."""

    gates: int
    layers: int
    directions: int
    states: int
    keeps: bool
    workspace: Workspace

    def unit(self, input: Tensor, state: Tensor) -> int:
        """Bytes of one value for each step, sample and hidden unit."""
        return input.size(0) * input.size(1) * state.size(-1) * self.directions * input.element_size()

    def reserve(self, input: Tensor, state: Tensor) -> int:
        """Gates, cell and output of each layer; the last layer's output is the result itself. Fitted."""
        kept = self.gates + (2 if self.states == 2 else 1)
        return self.unit(input, state) * (kept * self.layers - 1)

    def scratch(self, input: Tensor, state: Tensor) -> int:
        """Fitted: gates and states of all layers, copies of the recurrent weights and of the states."""
        units = self.gates * self.layers + 4
        recurrent = self.gates * state.size(-1) ** 2 * self.layers * self.directions * input.element_size()
        return self.unit(input, state) * units + recurrent + 2 * state.size(-2) * state.size(-1) * input.element_size()


class _CudnnRnn(torch.autograd.Function):
    """Allocates what cuDNN's forward and backward do; computes nothing."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, input: Tensor, *rest: Tensor) -> Any:
        states, weights = rest[: plan.states], rest[plan.states :]
        state = states[0]
        out = input.new_empty(*input.shape[:2], state.size(-1) * plan.directions)
        ends = [torch.empty_like(tensor) for tensor in states]
        if plan.keeps:
            ctx.reserve = input.new_empty(plan.reserve(input, state), dtype=torch.uint8)
        plan.workspace(plan.scratch(input, state))
        ctx.plan = plan
        ctx.save_for_backward(input, *states, *weights, out)
        return (out, *ends)

    @staticmethod
    def backward(ctx: Any, *_grads: Tensor) -> Any:
        input, *rest, _ = ctx.saved_tensors
        states, weights = rest[: ctx.plan.states], rest[ctx.plan.states :]
        grad_states = [torch.empty_like(tensor) for tensor in states]
        grad_weights = [torch.empty_like(weight) for weight in weights]
        ctx.plan.workspace(ctx.plan.scratch(input, states[0]))
        return (None, torch.empty_like(input), *grad_states, *grad_weights)
