"""The one data model: what a forward ran, as plain frozen data.

A :class:`Report` holds no tensor, no module and no formatted text. Everything after the forward (rules, ``diff``, renderers)
reads only this, and so works on a saved report too. Fields whose JSON key is a Python keyword (``class``, ``from``) have
another name.

Throughout, ``None`` means "not known".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, field

from modinspect.errors import ReportError
from modinspect.printing import printed
from modinspect.report import codec

SCHEMA_VERSION = 1

Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""What torch counts in 64 bits: sizes, elements, bytes, indices. FLOPs may be more."""

Shape: TypeAlias = tuple[Count | None, ...]
"""Sizes of the dimensions; ``None`` for one that is ragged or not known."""

Literals: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
"""What JSON can hold."""

Kind: TypeAlias = Literal["compute", "view", "create", "read"]
Execution: TypeAlias = Literal["weightless", "real"]


class Source(Struct, frozen=True, gc=False):
    """A place in the code: the innermost frame outside torch.

    ``file`` is relative to the working directory when under it. ``code`` is the text of the line, stripped; ``None`` where it
    can't be read.
    """

    file: str
    line: Count
    function: str
    code: str | None = None


class ModelInfo(Struct, frozen=True, gc=False):
    """What was inspected and how. ``device`` is where the parameters are; several are joined by commas."""

    target: str
    class_name: str = field(name="class")
    training: bool
    device: str
    execution: Execution
    notes: tuple[str, ...] = ()


class Input(Struct, frozen=True, gc=False):
    """One tensor handed to ``forward``; ``name`` is its argument, with the way into containers (``batch.ids``, ``xs.0``)."""

    name: str
    shape: Shape | None
    dtype: str


class Output(Struct, frozen=True, gc=False):
    """One tensor in what a module returned.

    ``path`` is ``""`` for a bare tensor, ``logits``, ``0`` or ``a.1`` inside containers. ``origin`` is as in :class:`Operand`.
    """

    path: str
    shape: Shape | None
    dtype: str
    origin: str | None = field(default=None, name="from")


class OtherValue(Struct, frozen=True, gc=False):
    """An input or output that is not a tensor: a string, a list of strings, a NumPy array or an image.

    ``path`` is as in :class:`Input` and :class:`Output`. ``shape`` is ``(3,)`` for a list of three strings and
    ``(height, width, channels)`` for an image, whose ``dtype`` is its mode (``RGB``).
    """

    path: str
    type: str
    shape: Shape | None
    dtype: str | None


class Operand(Struct, frozen=True, gc=False):
    """One tensor that an op got.

    ``origin`` (``from`` in JSON): ``input:0``, ``param:fc.weight``, ``buffer:bn.running_mean``, ``op:12``, ``unregistered:0``
    (the place in :attr:`Report.unregistered`), or ``None``. ``argument`` is the name of the function's argument
    (``weight``; ``tensors.1`` inside a list), or its position where the name is not known. ``device`` is given if it is not
    the model's.
    """

    shape: Shape | None
    dtype: str
    origin: str | None = field(default=None, name="from")
    argument: str = ""
    device: str | None = None


class Result(Struct, frozen=True, gc=False):
    """One tensor that an op returned; ``device`` is given if it is not the model's."""

    shape: Shape | None
    dtype: str
    device: str | None = None


class Op(Struct, frozen=True, gc=False):
    """One call into torch's Python API.

    ``module`` and ``call`` name the owner: the ``call``-th call (from 0) of the module with that path. ``flops`` counts as
    ``torch.utils.flop_counter`` does. ``aten`` are the ATen operators that it became, in order (``aten.addmm.default``).
    ``arguments`` are its arguments that are no tensors, as far as JSON can hold them. ``mutates`` are the positions in
    ``inputs`` of the operands that it wrote to. ``estimated_flops`` differs from ``flops`` where some of the operators have no
    formula: it adds theirs by the formula of a twin (fused attention on the CPU), and is ``None`` where that is not known
    either. ``kept`` says whether a result outlived the forward, in its output or held by somebody; ``None`` where an operand
    was written to, and where the forward raised.
    """

    index: Count
    name: str
    kind: Kind
    hidden: bool
    module: str
    call: Count
    inputs: tuple[Operand, ...]
    outputs: tuple[Result, ...]
    flops: int | None
    source: Source | None
    aten: tuple[str, ...] = ()
    arguments: dict[str, Literals] = {}
    mutates: tuple[Count, ...] = ()
    estimated_flops: int | None = None
    kept: bool | None = None


class Call(Struct, frozen=True, gc=False):
    """One call of a module.

    ``call`` counts the calls of this module from 0; ``parent`` is the place in :attr:`Report.calls` of the call that it was
    made in, ``None`` for the root's. ``start`` and ``stop`` are the range of ops that ran during it. Calls stand in the order
    in which they began, so a call comes after op ``start - 1`` and before op ``start``.
    """

    index: Count
    module: str
    call: Count
    parent: Count | None
    start: Count
    stop: Count
    training: bool
    inputs: tuple[Output, ...]
    outputs: tuple[Output, ...]
    source: Source | None


class ModuleInfo(Struct, frozen=True, gc=False):
    """One module, registered or not.

    ``params`` counts the unique elements of parameters at or under the module, ``own_params`` of those that it holds itself.
    ``flops`` is the sum over all ops that ran during its calls; ``uncounted_ops`` says how many of these have no formula, and
    ``flops`` is ``None`` where nothing else was counted. ``output_shapes`` belong to its last call. ``extra_repr`` is what
    ``extra_repr`` says of it (``in_features=10, out_features=5, bias=True``).
    """

    path: str
    class_name: str = field(name="class")
    registered: bool
    layer: bool
    calls: Count
    params: Count
    own_params: Count
    trainable_params: Count
    param_bytes: Count
    flops: int | None
    output_shapes: tuple[Shape | None, ...]
    uncounted_ops: Count = 0
    training: bool = False
    extra_repr: str = ""
    aliases: tuple[str, ...] = ()


class StateTensor(Struct, frozen=True, gc=False):
    """One registered parameter or buffer, listed once under its first name; ``aliases`` are its other names (tied weights).

    ``used`` says whether any op got it as an operand, or ``None`` when nothing was run. ``persistent`` is false for buffers
    that ``state_dict()`` leaves out.
    """

    name: str
    aliases: tuple[str, ...]
    shape: Shape | None
    dtype: str
    device: str
    numel: Count
    trainable: bool
    used: bool | None
    persistent: bool = True


class Unregistered(Struct, frozen=True, gc=False):
    """A tensor or a module that the forward used and that nothing registers.

    ``name`` is where it was found (``layers[0]``, ``global SCALE``, ``torch.rand``); ``params`` counts a module's parameter
    elements, and those of a tensor that is an ``nn.Parameter``. ``role`` says what a tensor is: ``weight`` (it stands where a
    weight stands and was made in ``forward``), ``attribute``, ``global``, ``closure``; ``module`` for modules.
    """

    kind: Literal["tensor", "module"]
    name: str
    class_name: str = field(name="class")
    shape: Shape | None
    params: Count
    source: Source | None
    dtype: str | None = None
    role: str = ""
    module: str = ""


class Totals(Struct, frozen=True, gc=False):
    """Sums over the report; ``flops`` is :class:`torch.utils.flop_counter.FlopCounterMode`'s total on the same run.

    ``estimated_flops`` adds to that the FLOPs of operators without a formula whose twins have one (fused attention on the CPU);
    ``None`` where some are still unknown.
    """

    params: Count
    trainable_params: Count
    param_bytes: Count
    buffer_bytes: Count
    ops: Count
    hidden_ops: Count
    flops: int
    hidden_flops: int
    uncounted_ops: Count
    estimated_flops: int | None = None


class CrossCheck(Struct, frozen=True, gc=False):
    """What torchinfo counted in the same forward; ``None`` where it gave no number."""

    version: str
    params: Count | None
    trainable_params: Count | None
    mult_adds: Count | None
    layers: Count | None
    note: str | None = None


class ForwardError(Struct, frozen=True, gc=False):
    """What ``forward`` raised.

    ``op`` is the call that failed with the operands that met, ``None`` where the exception came from no op. ``sentence`` says
    it in words where that is possible (``fc expects 10 features, got 12 from view at model.py:31``).
    """

    type: str
    message: str
    module: str
    source: Source | None
    op: Op | None = None
    sentence: str | None = None
    traceback: str = ""


@dataclass(frozen=True)
class Report:
    """What one forward ran: the registered half and the hidden half. See the module's docstring.

    ``packed`` are the weights that quantized modules keep outside their parameters. ``other_inputs`` and ``other_outputs`` are
    those that are not tensors.

    The defaults of fields that are made later come from factories: a plain default would be an attribute of the class, which
    is found before ``__getattr__`` is asked.
    """

    model: ModelInfo
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    modules: tuple[ModuleInfo, ...]
    ops: tuple[Op, ...]
    unregistered: tuple[Unregistered, ...]
    totals: Totals
    error: ForwardError | None = None
    calls: tuple[Call, ...] = dataclasses.field(default_factory=tuple)
    parameters: tuple[StateTensor, ...] = dataclasses.field(default_factory=tuple)
    buffers: tuple[StateTensor, ...] = dataclasses.field(default_factory=tuple)
    torchinfo: CrossCheck | None = None
    packed: tuple[StateTensor, ...] = dataclasses.field(default_factory=tuple)
    other_inputs: tuple[OtherValue, ...] = dataclasses.field(default_factory=tuple)
    other_outputs: tuple[OtherValue, ...] = dataclasses.field(default_factory=tuple)

    @classmethod
    def made_later(cls, make: Callable[[], Report], *, model: ModelInfo, inputs: tuple[Input, ...]) -> Report:
        """A report of a forward that did not raise, whose other fields ``make`` gives when one of them is first asked for.

        ``make`` must need nothing that may change meanwhile.

        Args:
            make: returns the whole report
            model: known already
            inputs: known already
        """
        report = object.__new__(cls)
        report.__dict__.update(model=model, inputs=inputs, _make=make)
        return report

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there: a field that is not made yet."""
        make = self.__dict__.get("_make")
        if make is not None and not name.startswith("__"):
            self.__dict__.update(vars(make()))
            self.__dict__.pop("_make", None)
        if name in self.__dict__:  # made now, or by another thread meanwhile
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        """For ``pickle`` and ``copy``: all fields, made now if need be."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @property
    def ran(self) -> bool:
        """Whether a forward was started: without an input only the registered half is known."""
        return bool(self.calls) or bool(self.ops) or self.error is not None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form (schema version 1), of nothing but dicts, lists, strings, numbers, booleans and ``None``."""
        return {"schema_version": SCHEMA_VERSION, **codec.plain(self._made())}

    @classmethod
    def from_dict(cls, data: object) -> Report:
        """Reads the JSON form back; unknown keys are ignored.

        Raises:
            ReportError: ``data`` isn't a report, or has another schema version.
        """
        _check_version(data.get("schema_version", UNSET) if isinstance(data, dict) else UNSET)
        report = codec.read(data, cls)
        _check_flops(report)
        _check_indices(report)
        return report

    @classmethod
    def from_json(cls, text: str) -> Report:
        """As :meth:`from_dict`, from JSON text, in a tenth of the time.

        Raises:
            ReportError: as :meth:`from_dict`, and where ``text`` isn't JSON.
        """
        version = codec.read_json(text, _Version).schema_version
        _check_version(version)
        report = codec.read_json(text, cls)
        _check_flops(report)
        _check_indices(report)
        return report

    def to_json(self) -> str:
        """The JSON form as text, in ASCII, with a line for each module, op and call."""
        self._made()
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return codec.json_text({"schema_version": SCHEMA_VERSION, **fields})

    def _made(self) -> Report:
        """The report, after making the fields that were left for later."""
        for f in dataclasses.fields(self):
            getattr(self, f.name)
        return self

    def __str__(self) -> str:
        return printed(self)


class _Version(Struct):
    schema_version: Any = UNSET


def _check_version(version: object) -> None:
    if version is UNSET:
        raise ReportError(
            "this isn't a modinspect report: the key 'schema_version' is missing",
            "Save one with: modinspect show TARGET --format json --output report.json",
        )
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ReportError(
            f"the report has schema_version {version!r}, this modinspect reads {SCHEMA_VERSION}",
            "Make the report again with this version.",
        )


_MOST_FLOPS = 10**100
"""Larger numbers overflow a float when they are shown in short."""


def _check_flops(report: Report) -> None:
    ops = [(f"$.ops[{op.index}]", flops) for op in report.ops for flops in (op.flops, op.estimated_flops)]
    modules = [(f"$.modules[{index}]", module.flops) for index, module in enumerate(report.modules)]
    totals = [("$.totals", flops) for flops in (report.totals.flops, report.totals.hidden_flops, report.totals.estimated_flops)]
    for path, flops in (*ops, *modules, *totals):
        if flops is not None and not 0 <= flops <= _MOST_FLOPS:
            _check(right=False, expected="a number of FLOPs", found="one that no model has", path=path)


def _check_indices(report: Report) -> None:
    """Ops and calls refer to each other by index: a call lies inside the one around it, and its ops exist."""
    for index, op in enumerate(report.ops):
        _check(op.index == index, str(index), op.index, f"$.ops[{index}].index")
    for index, call in enumerate(report.calls):
        path = f"$.calls[{index}]"
        _check(call.index == index, str(index), call.index, f"{path}.index")
        parent = call.parent
        _check(parent is None or 0 <= parent < index, "null or the index of a call before it", parent, f"{path}.parent")
        first, last = (0, len(report.ops)) if parent is None else (report.calls[parent].start, report.calls[parent].stop)
        _check(first <= call.start <= last, f"from {first} to {last}", call.start, f"{path}.start")
        _check(call.start <= call.stop <= last, f"from {call.start} to {last}", call.stop, f"{path}.stop")


def _check(right: bool, expected: str, found: object, path: str) -> None:
    if not right:
        raise ReportError(
            f"not a whole report: expected {expected}, got {found} - at `{path}`",
            "The file is damaged or incomplete. Make the report again.",
        )
