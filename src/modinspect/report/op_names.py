"""Names of ops: how people write them, and which functions have a weight among their arguments."""

from __future__ import annotations

import functools
import re

_ABBREVIATIONS = ((re.compile(r"^torch\.nn\.functional\.(\w+)$"), r"F.\1"), (re.compile(r"^torch\.Tensor\."), "Tensor."))
_OPERATORS = {
    "Tensor.__getitem__": "Tensor[…]",
    "Tensor.__setitem__": "Tensor[…] = …",
    "Tensor.__bool__": "bool(Tensor)",
    "Tensor.__int__": "int(Tensor)",
    "Tensor.__float__": "float(Tensor)",
}

WEIGHT_ARGUMENTS = frozenset({"weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj_weight"})
"""The arguments of :data:`WEIGHTED` functions that take a weight."""

WEIGHTED = frozenset({
    "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "convolution", "conv_tbc", "embedding", "embedding_bag", "batch_norm", "layer_norm", "group_norm", "instance_norm",
    "rms_norm", "prelu", "multi_head_attention_forward",
})  # fmt: skip
"""Functions that a layer calls on its weight, by their base names."""

MATMULS = frozenset({
    "matmul", "__matmul__", "__rmatmul__", "__imatmul__", "mm", "bmm", "mv", "dot", "vdot", "inner", "tensordot",
    "einsum", "addmm", "addmm_", "baddbmm", "baddbmm_", "addbmm", "addbmm_", "addmv", "addmv_", "chain_matmul",
    "multi_dot",
})  # fmt: skip
"""Matrix products, by their base names. Either factor may be a weight."""

_ADDING_MATMULS = ("addmm", "baddbmm", "addbmm", "addmv")


def base_name(name: str) -> str:
    """``relu`` for ``torch.nn.functional.relu``."""
    return name.rpartition(".")[2]


@functools.lru_cache(maxsize=4096)
def short_name(name: str) -> str:
    """An op's name as people write it: ``F.linear``, ``Tensor.add``, ``torch.cat``."""
    for pattern, short in _ABBREVIATIONS:
        name = pattern.sub(short, name)
    return _OPERATORS.get(name, name)


def is_factor(name: str, argument: str) -> bool:
    """Whether a matmul multiplies this argument: ``addmm`` only adds its first one.

    Args:
        name: the base name of one of :data:`MATMULS`.
        argument: the argument's name, or its position as text.
    """
    return not (name.startswith(_ADDING_MATMULS) and argument in ("0", "input", "self"))
