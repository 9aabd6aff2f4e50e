"""What inference and training take, as plain frozen data. All sizes are bytes."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from modinspect.report import Source

SCHEMA_VERSION = 1

Phase: TypeAlias = Literal["inference", "forward", "backward", "step"]
Kind: TypeAlias = Literal["params", "buffers", "inputs", "gradients", "optimizer", "activations", "temporaries"]

KINDS: tuple[Kind, ...] = ("params", "buffers", "inputs", "gradients", "optimizer", "activations", "temporaries")


class MemoryBytes(msgspec.Struct, frozen=True, kw_only=True):
    """The measured sizes. Peaks and ends include parameters, buffers and inputs.

    ``steady_peak`` is the peak of the second training step, in which the optimizer's state is there from the start.
    """

    params: int
    buffers: int
    inputs: int
    gradients: int
    optimizer: int
    inference_peak: int
    forward_end: int
    forward_peak: int
    backward_peak: int
    after_backward: int
    step_peak: int
    after_step: int
    steady_peak: int

    @property
    def training_peak(self) -> int:
        """The most that any of the first two training steps takes."""
        return max(self.forward_peak, self.backward_peak, self.step_peak, self.steady_peak)


class Peak(msgspec.Struct, frozen=True):
    """The largest moment of a phase: the op that ran, by which module, at which line."""

    phase: Phase
    op: str
    module: str | None
    source: Source | None
    bytes: int


class Kept(msgspec.Struct, frozen=True):
    """Activations that one line, run by the modules ``modules``, keeps for backward."""

    source: Source | None
    ops: tuple[str, ...]
    modules: tuple[str, ...]
    bytes: int


class Moment(msgspec.Struct, frozen=True):
    """What is allocated after one op of the first training step, by kind."""

    phase: Phase
    bytes: dict[Kind, int]


class MemoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one model with one input.

    ``batch`` is the first dimension of the inputs. ``fits`` and ``largest_batch`` are ``None`` without a limit. ``by_module``
    gives the activations kept for backward that were made at or under each module. ``suggestions`` say what would fit, if the
    model doesn't.
    """

    target: str
    optimizer: str
    dtype: str | None
    execution: Literal["weightless", "real"]
    bytes: MemoryBytes
    peaks: tuple[Peak, ...]
    kept: tuple[Kept, ...]
    by_module: dict[str, int]
    timeline: tuple[Moment, ...]
    batch: int | None = None
    limit: int | None = None
    fits: bool | None = None
    largest_batch: int | None = None
    suggestions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, of nothing but dicts, lists, strings, numbers, booleans and ``None``."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return {"schema_version": SCHEMA_VERSION, **data}
