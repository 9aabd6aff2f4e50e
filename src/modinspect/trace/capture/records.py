"""What the recorder notes during the forward: numbers, shapes and code objects, never a tensor or a frame.

An *origin* says where a tensor came from: ``n >= 0`` is an output of op ``n``, ``-1 - n`` is ``graph_inputs[n]``, ``None`` is
unknown.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn

from modinspect.report import Kind, ModuleInfo, OtherValue
from modinspect.trace.capture.sources import SourceRef, Sources

Origin: TypeAlias = "int | None"
TensorRef: TypeAlias = "tuple[str, Any, torch.dtype, Origin]"
"""(path inside a container, shape, dtype, origin) of a tensor."""


@dataclass(slots=True)
class CallSignature:
    """What one function becomes on arguments of one kind: shared by all such calls.

    Attributes:
        operands: (path among the arguments, shape, dtype, device) of each tensor.
        kind: the op's kind.
        aten: the operators that ran.
        flops: those counted; ``None`` if nothing was counted and some operator has no formula.
        estimate: FLOPs by our own formulas where they differ; ``None`` if unknown.
        uncounted: whether torch's counter has no formula for some operator.
        arguments: the arguments that are not tensors.
        mutates: positions of the operands that are written to.
        name: set if the function doesn't know its public name.
        meta: the number of a single output's metadata.
    """

    operands: tuple[tuple[str, Any, torch.dtype, torch.device], ...] = ()
    kind: Kind = "compute"
    aten: tuple[str, ...] = ()
    flops: int | None = 0
    estimate: int | None = 0
    arguments: dict[str, Any] = field(default_factory=dict)
    mutates: tuple[int, ...] = ()
    name: str | None = None
    meta: int | None = None
    uncounted: bool = False


class OpRecord(NamedTuple):
    """One op that ran.

    ``call`` is the index of its owner's call, ``origins`` has one entry for each operand, and ``outputs`` is a list of
    (shape, dtype, device), or one such tuple for a single output.
    """

    func: Any
    signature: CallSignature
    call: int
    origins: list[Origin]
    outputs: Any
    source: SourceRef


@dataclass(slots=True)
class Failure:
    """The op that raised the exception with this id.

    ``operator_message`` is set if an ATen operator raised: what called it may have raised another exception since.
    ``index_ranges`` has the lowest and highest value of operands that are indices, if the error is about an index.
    """

    error: int
    op: OpRecord
    operator_message: str | None = None
    index_ranges: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class ModuleRecord:
    """One module that may run.

    Attributes:
        path: its name in ``named_modules()``, or what the report calls an unregistered one.
        module: the module.
        layer: whether it is a layer.
        opaque: whether everything that runs inside counts as the layer's own.
        unregistered_index: its index in ``unregistered_uses``; ``None`` if it is registered.
        info: kept for unregistered modules, which may be gone after the run.
        calls: how often it was called so far.
    """

    path: str
    module: weakref.ref[nn.Module]
    layer: bool
    opaque: bool
    unregistered_index: int | None
    info: ModuleInfo | None = None
    calls: int = 0


class CallRecord(NamedTuple):
    """One call of a module.

    ``start`` and ``stop`` delimit the ops that ran during the call. ``covered`` says that ``print(model)`` shows the module
    that owns these ops.
    """

    record: ModuleRecord
    number: int
    parent: int | None
    start: int
    stop: int
    training: bool
    covered: bool
    source: SourceRef
    inputs: Sequence[TensorRef]
    outputs: Sequence[TensorRef]


class ModuleFrame(NamedTuple):
    """A module that is running.

    ``call`` is the index of its call, ``source`` the line that called it, and ``opaque`` says that it is opaque or runs
    inside an opaque module.
    """

    call: int
    record: ModuleRecord
    module: nn.Module
    covered: bool
    source: SourceRef
    opaque: bool


class GraphInput(NamedTuple):
    """A tensor that no op made: ``kind`` is input, param, buffer or unregistered."""

    kind: str
    text: str
    unregistered_index: int | None = None


@dataclass(slots=True)
class UnregisteredUse:
    """A tensor or module that the forward used and that nothing registers."""

    kind: str
    name: str
    role: str
    class_name: str
    module: str
    source: SourceRef
    params: int
    shape: Any = None
    dtype: torch.dtype | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """All that was recorded of a run.

    ``kept`` are the ops with a result that is still alive after the run; ``None`` if the run did not end normally.
    """

    ops: list[OpRecord]
    calls: list[CallRecord]
    graph_inputs: list[GraphInput]
    unregistered_uses: list[UnregisteredUse]
    unregistered_modules: list[ModuleRecord]
    kept: frozenset[int] | None
    sources: Sources
    other_outputs: tuple[OtherValue, ...] = ()
