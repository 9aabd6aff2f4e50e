"""Operator objects: their classes and what they know of themselves."""

from __future__ import annotations

from typing import Any

from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket

from modinspect.trace._torch.private import PrivateUse

__all__ = [
    "AS_WRITTEN",
    "HigherOrderOperator",
    "OpOverload",
    "OpOverloadPacket",
    "arguments_of",
    "overload_name",
    "packet_of",
    "qualified_name",
    "schema_of",
    "unlisted_name",
]

USES = (
    PrivateUse("torch._ops.HigherOrderOperator", "The class of operators that take functions (`torch.cond`)."),
    PrivateUse("torch._ops.OpOverload", "The class of one overload of an operator (`aten.add.Tensor`)."),
    PrivateUse("torch._ops.OpOverloadPacket", "The class of all overloads of a name (`aten.add`)."),
    PrivateUse("torch._C._", "The prefix of modules whose functions are public without it."),
    PrivateUse("torch.sparse._sparse_mm", "The name that torch finds for `torch.sparse.mm`."),
    PrivateUse("OpOverload._overloadpacket", "The key under which `flop_registry` has an operator's formula."),
    PrivateUse("OpOverload._overloadname", "Part of an operator's public name."),
    PrivateUse("OpOverload._schema", "Says which arguments an operator writes to, and which are views."),
    PrivateUse("OpOverloadPacket._qualified_op_name", "An operator's public name."),
)


AS_WRITTEN = {"torch.spmm": "torch.mm", "torch.sparse._sparse_mm": "torch.sparse.mm"}
"""The name people write, by the name that torch finds first for the same function."""


def unlisted_name(function: Any) -> str:
    """The public name of a function that ``torch.overrides`` doesn't list: those in ``torch._C._nn`` and its like."""
    home = (getattr(function, "__module__", None) or "torch").replace("torch._C._", "torch.")
    return f"{home}.{getattr(function, '__qualname__', type(function).__name__).removeprefix('_VariableFunctionsClass.')}"


def packet_of(operator: OpOverload) -> OpOverloadPacket:
    """``aten.add`` of ``aten.add.Tensor``."""
    return operator._overloadpacket


def overload_name(operator: OpOverload) -> str:
    """``Tensor`` of ``aten.add.Tensor``."""
    return operator._overloadname


def qualified_name(packet: OpOverloadPacket) -> str:
    """``aten::add``."""
    return packet._qualified_op_name


def schema_of(operator: OpOverload) -> Any:
    """The schema: ``arguments`` and ``returns``, each with its ``alias_info``."""
    return operator._schema


def arguments_of(operator: OpOverload) -> Any:
    """The arguments in the schema, each with ``name``, ``kwarg_only`` and ``alias_info``."""
    return operator._schema.arguments
