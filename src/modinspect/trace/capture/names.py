"""What torch's functions are called, which of them touch no data, and what their arguments are named."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.overrides import get_testing_overrides, resolve_name

from modinspect.trace._torch import (
    AS_WRITTEN,
    HigherOrderOperator,
    OpOverload,
    OpOverloadPacket,
    overload_name,
    packet_of,
    qualified_name,
    unlisted_name,
)

# Attribute reads that touch no data, and mode switches: calls of these are not ops.
_SILENT_PROPERTIES = (
    "shape dtype device layout requires_grad is_leaf grad grad_fn _grad _grad_fn _version _base _cdata ndim name names "
    "itemsize nbytes output_nr volatile retains_grad is_cpu is_cuda is_xla is_xpu is_ipu is_hpu is_mps is_mtia is_maia "
    "is_meta is_nested is_sparse is_sparse_csr is_quantized is_mkldnn is_vulkan _backward_hooks _post_accumulate_grad_hooks"
)
_SILENT_METHODS = (
    "size dim ndimension numel nelement element_size stride storage_offset is_contiguous is_floating_point is_complex "
    "is_signed is_conj is_neg is_inference is_shared is_same_size is_set_to is_coalesced is_pinned is_distributed "
    "get_device storage_type has_names dim_order register_hook register_post_accumulate_grad_hook retain_grad "
    "requires_grad_ __len__ __hash__ sparse_dim dense_dim _is_view qscheme q_scale q_zero_point _nnz _dimI _dimV"
)
_READ_METHODS = (
    "item tolist numpy __bool__ __int__ __float__ __complex__ __index__ __contains__ __array__ __dlpack__ __repr__ "
    "__format__ __reduce_ex__ is_nonzero equal allclose"
)


def _members(names: str, pick: Callable[[Any], Any]) -> Iterable[Any]:
    return (pick(getattr(Tensor, name)) for name in names.split() if hasattr(Tensor, name))


SETS_FLAGS: frozenset[Any] = frozenset({Tensor.requires_grad_, Tensor.requires_grad.__set__})  # type: ignore[attr-defined]
"""Functions that change a tensor's metadata and are not ops."""

SILENT: frozenset[Any] = SETS_FLAGS.union(
    _members(_SILENT_PROPERTIES, lambda prop: prop.__get__),
    _members(_SILENT_METHODS, lambda method: method),
    [Tensor.grad.__set__],  # type: ignore[union-attr]
)
"""Functions whose calls are not ops."""

READS: frozenset[Any] = frozenset(
    [*_members(_READ_METHODS, lambda method: method), torch.equal, torch.allclose, torch.is_nonzero]
)
"""Functions that take a tensor's value to Python."""

EXPOSES: frozenset[Any] = frozenset(
    _members("numpy __array__ __dlpack__ data_ptr untyped_storage storage _typed_storage", lambda method: method)
)
"""Functions that hand out the memory of a tensor, which others can then write to unseen."""

SET_DATA: Any = Tensor.data.__set__  # type: ignore[attr-defined]

COMPUTES: frozenset[Any] = frozenset([SET_DATA, Tensor.backward])
"""Functions that return nothing and are not reads."""

UNIQUE: frozenset[Any] = frozenset(
    [
        *EXPOSES,
        SET_DATA,
        Tensor.backward,
        torch.autograd.grad,
        torch.autograd.backward,
        torch.nn.functional.scaled_dot_product_attention,
        torch.nn.functional.multi_head_attention_forward,
    ]
)
"""Functions of which each call is looked at: they expose memory, or what they become depends on more than their arguments (the
graph behind a tensor, the backends of attention that are enabled)."""


def is_torchs(func: Any) -> bool:
    """Whether ``func`` is torch's own; other libraries' functions can go through a function mode, too."""
    home = getattr(func, "__module__", None) or "torch"  # functions written in C have none
    return home == "torch" or home.startswith("torch.")


_Answer = TypeVar("_Answer")


def remembered(ask: Callable[[Any], _Answer]) -> Callable[[Any], _Answer]:
    """Caches the answers of ``ask`` for torch's own functions; caching others would keep models in memory."""
    known = functools.cache(ask)

    @functools.wraps(ask)
    def answer(func: Any) -> _Answer:
        return known(func) if is_torchs(func) else ask(func)

    return answer


@remembered
def public_name(func: Any) -> str:
    """The public name of a function that a function mode was given: ``torch.nn.functional.linear``."""
    if isinstance(func, OpOverload):
        packet, overload = public_name(packet_of(func)), overload_name(func)
        return packet if overload == "default" else f"{packet}.{overload}"
    if isinstance(func, OpOverloadPacket):
        return f"torch.ops.{qualified_name(func).replace('::', '.')}"
    if isinstance(func, HigherOrderOperator):
        return f"torch.ops.higher_order.{func.name()}"
    name: str = resolve_name(func) or ""
    if not name:
        name = unlisted_name(func)
    name = name.removesuffix(".__get__")
    home, _, last = name.rpartition(".")
    if home == "torch.functional" and hasattr(torch, last):
        return f"torch.{last}"
    return AS_WRITTEN.get(name, name)


@remembered
def last_name(func: Any) -> str:
    """The last part of the public name: ``linear``."""
    return public_name(func).rpartition(".")[2]


@remembered
def parameters_of(func: Any) -> tuple[inspect.Parameter, ...]:
    """The parameters of ``func`` as documented; empty if undocumented."""
    documented = get_testing_overrides().get(func, func)
    if isinstance(func, (OpOverload, OpOverloadPacket)):
        return ()
    try:
        return tuple(inspect.signature(documented).parameters.values())
    except (TypeError, ValueError):
        return ()


def argument_name(func: Any, path: str) -> str:
    """The name of an argument from its path: ``1`` is ``weight`` in ``F.linear``, ``0.2`` is ``tensors.2`` in
    ``torch.cat``.
    """
    first, _, rest = path.partition(".")
    if not first.isdigit():
        return path
    positional = int(first)
    for index, parameter in enumerate(parameters_of(func)):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            inside = str(positional - index)
            return ".".join(part for part in (parameter.name, inside, rest) if part)
        if index == positional:
            return f"{parameter.name}.{rest}" if rest else parameter.name
    return path


_FACTORIES = frozenset("empty zeros ones full rand randn randint randperm arange range linspace logspace eye".split())


def makes_from_shape(func: Any) -> bool:
    """Whether ``func`` uses at most the shapes of tensors: ``torch.zeros``, ``torch.zeros_like``, ``Tensor.new_ones``."""
    name = last_name(func)
    return name in _FACTORIES or name.endswith("_like") or name.startswith("new_")
