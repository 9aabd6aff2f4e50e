"""What the recorder notes while the forward runs: numbers, shapes and code objects, never a tensor or a frame.

An *origin* says where a tensor came from: ``n >= 0`` is an output of op ``n``, ``-1 - n`` is ``Recorder.roots[n]``, ``None`` is
not known.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn

from modinspect.report import Kind, ModuleInfo
from modinspect.trace.capture.sources import Place, Sources

Origin: TypeAlias = "int | None"
TensorRef: TypeAlias = "tuple[str, Any, torch.dtype, Origin]"
"""(path inside a container, shape, dtype, origin) of a tensor."""


@dataclass(slots=True)
class CallSignature:
    """What one function becomes on arguments of one kind: shared by all calls alike.

    ``operands`` are (place among the arguments, shape, dtype). ``flops`` are those counted, ``None`` if nothing was and
    something has no formula; ``estimate`` adds what has none of its own, ``None`` where that is not known. ``name`` is set
    where the function itself does not tell its public name. ``meta`` is the number of a single output's metadata.
    """

    operands: tuple[tuple[str, Any, torch.dtype], ...] = ()
    kind: Kind = "compute"
    aten: tuple[str, ...] = ()
    flops: int | None = 0
    estimate: int | None = 0
    arguments: dict[str, Any] = field(default_factory=dict)
    mutates: tuple[int, ...] = ()
    name: str | None = None
    meta: int | None = None


class OpRecord(NamedTuple):
    """One op that ran; ``origins`` has one entry for each operand. A single output may stand bare as (shape, dtype)."""

    func: Any
    known: CallSignature
    call: int
    origins: list[Origin]
    outputs: Any
    place: Place


@dataclass(slots=True)
class Failure:
    """The op that raised the exception with this id; ``lost`` is its message where another one may have taken its place."""

    error: int
    op: OpRecord
    lost: str | None = None


@dataclass(slots=True)
class ModuleRecord:
    """One module that may run. ``place`` is its index in ``Recorder.found``, ``None`` for a registered one.

    Whatever runs inside an ``opaque`` layer counts as the layer's own. ``info`` is kept of unregistered ones, which may be gone
    after the run.
    """

    path: str
    module: weakref.ref[nn.Module]
    layer: bool
    opaque: bool
    place: int | None
    info: ModuleInfo | None = None
    calls: int = 0


class CallRecord(NamedTuple):
    """One call of a module, made as it ends; ``covered`` says that ``repr`` has a name for what runs in it."""

    record: ModuleRecord
    number: int
    parent: int | None
    start: int
    stop: int
    training: bool
    covered: bool
    place: Place
    inputs: Sequence[TensorRef]
    outputs: Sequence[TensorRef]


class ModuleFrame(NamedTuple):
    """A module that is running. ``call`` is the index of its call among all calls, ``place`` where it was called; ``opaque``
    says that it is opaque or runs inside something opaque.
    """

    call: int
    record: ModuleRecord
    module: nn.Module
    covered: bool
    place: Place
    opaque: bool


class GraphInput(NamedTuple):
    """A tensor that no op made. ``kind`` is input, param, buffer or unregistered; ``place`` then its index there."""

    kind: str
    text: str
    place: int | None = None


@dataclass(slots=True)
class UnregisteredUse:
    """A tensor or module that nothing registers and that the forward used."""

    kind: str
    name: str
    role: str
    class_name: str
    module: str
    place: Place
    params: int
    shape: Any = None
    dtype: torch.dtype | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """All that was recorded of a run; ``kept`` are the ops with a result that outlived it, ``None`` where it did not end."""

    ops: list[OpRecord]
    calls: list[CallRecord]
    roots: list[GraphInput]
    found: list[UnregisteredUse]
    unregistered: list[ModuleRecord]
    kept: frozenset[int] | None
    sources: Sources
