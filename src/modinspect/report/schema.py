"""The one data model: what a forward ran, as plain frozen data.

A :class:`Report` holds no tensor, no module and no formatted text. Everything downstream of the forward (rules, ``diff``,
renderers) reads only this, so that it works on a saved report too. The JSON form is written by :meth:`Report.to_dict` and read
back by :meth:`Report.from_dict`; keys that are Python keywords (``class``, ``from``) are fields with another name here.

Throughout, ``None`` means "not known".
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, Union

from modinspect.errors import ReportError
from modinspect.printing import printed

SCHEMA_VERSION = 1

_TOO_LARGE = 10**100
"""No count of anything: larger ones can't be divided for people, and sums of them can't be told."""

Shape: TypeAlias = tuple[int | None, ...]
"""Sizes of the dimensions; ``None`` for one that is ragged or not known."""

Literals: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
"""What JSON can hold."""

Kind: TypeAlias = Literal["compute", "view", "create", "read"]
Execution: TypeAlias = Literal["weightless", "real"]


_CLASS: Any = {"key": "class"}
_FROM: Any = {"key": "from"}
"""Fields that stand under another name in the JSON form, as theirs is a keyword of Python."""


_Data = TypeVar("_Data", bound=type)


def _quick_to_make(cls: _Data) -> _Data:
    """Gives a frozen dataclass with slots an ``__init__`` that writes to the slots themselves.

    The one that it has calls ``object.__setattr__`` for each field, which takes three times as long; a report holds thousands
    of such objects.
    """
    scope: dict[str, Any] = {}
    arguments, lines = [], []
    for f in dataclasses.fields(cls):
        scope[f"set_{f.name}"] = getattr(cls, f.name).__set__
        value = f.name
        if f.default is not dataclasses.MISSING:
            scope[f"default_{f.name}"] = f.default
            arguments.append(f"{f.name}=default_{f.name}")
        elif f.default_factory is not dataclasses.MISSING:
            scope[f"make_{f.name}"] = f.default_factory
            arguments.append(f"{f.name}=None")
            value = f"make_{f.name}() if {f.name} is None else {f.name}"
        else:
            arguments.append(f.name)
        lines.append(f"    set_{f.name}(self, {value})")
    exec("\n".join([f"def __init__(self, {', '.join(arguments)}):", *lines]), scope)
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = scope["__init__"]  # type: ignore[misc]
    return cls


@dataclass(frozen=True, slots=True)
class Source:
    """A place in the code: the innermost frame outside torch.

    ``file`` is relative to the working directory when under it. ``code`` is the text of the line, stripped; ``None`` where it
    can't be read.
    """

    file: str
    line: int
    function: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What was inspected and how. ``device`` is where the parameters are; several are joined by commas."""

    target: str
    class_name: str = field(metadata=_CLASS)
    training: bool
    device: str
    execution: Execution
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor handed to ``forward``; ``name`` is its argument, with the way into containers (``batch.ids``, ``xs.0``)."""

    name: str
    shape: Shape | None
    dtype: str


@_quick_to_make
@dataclass(frozen=True, slots=True)
class Output:
    """One tensor in what a module returned.

    ``path`` is ``""`` for a bare tensor, ``logits``, ``0`` or ``a.1`` inside containers. ``origin`` is as in :class:`Operand`.
    """

    path: str
    shape: Shape | None
    dtype: str
    origin: str | None = field(default=None, metadata=_FROM)


@_quick_to_make
@dataclass(frozen=True, slots=True)
class Operand:
    """One tensor that an op got.

    ``origin`` (``from`` in JSON): ``input:0``, ``param:fc.weight``, ``buffer:bn.running_mean``, ``op:12``, ``unregistered:0``
    (the place in :attr:`Report.unregistered`), or ``None``. ``argument`` is the name of the function's argument
    (``weight``; ``tensors.1`` inside a list), or its position where the name is not known.
    """

    shape: Shape | None
    dtype: str
    origin: str | None = field(default=None, metadata=_FROM)
    argument: str = ""


@_quick_to_make
@dataclass(frozen=True, slots=True)
class Result:
    """One tensor that an op gave."""

    shape: Shape | None
    dtype: str


@_quick_to_make
@dataclass(frozen=True, slots=True)
class Op:
    """One call into torch's Python API.

    ``module`` and ``call`` name the owner: the ``call``-th call (from 0) of the module with that path. ``flops`` counts as
    ``torch.utils.flop_counter`` does. ``aten`` are the ATen operators that it became, in order (``aten.addmm.default``).
    ``arguments`` are its arguments that are no tensors, as far as JSON can hold them. ``mutates`` are the positions in
    ``inputs`` of the operands that it wrote to. ``estimated_flops`` differs from ``flops`` where some of the operators have no
    formula: it adds theirs by the formula of a twin (fused attention on the CPU), and is ``None`` where that is not known
    either. ``kept`` says whether a result outlived the forward, in its output or held by somebody; ``None`` where an operand
    was written to, and where the forward raised.
    """

    index: int
    name: str
    kind: Kind
    hidden: bool
    module: str
    call: int
    inputs: tuple[Operand, ...]
    outputs: tuple[Result, ...]
    flops: int | None
    source: Source | None
    aten: tuple[str, ...] = ()
    arguments: dict[str, Literals] = field(default_factory=dict)
    mutates: tuple[int, ...] = ()
    estimated_flops: int | None = None
    kept: bool | None = None


@_quick_to_make
@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module.

    ``call`` counts the calls of this module from 0; ``parent`` is the place in :attr:`Report.calls` of the call that it was
    made in, ``None`` for the root's. ``start`` and ``stop`` are the range of ops that ran during it. Calls stand in the order
    in which they began, so a call comes after op ``start - 1`` and before op ``start``.
    """

    index: int
    module: str
    call: int
    parent: int | None
    start: int
    stop: int
    training: bool
    inputs: tuple[Output, ...]
    outputs: tuple[Output, ...]
    source: Source | None


@_quick_to_make
@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """One module, registered or not.

    ``params`` counts the unique elements of parameters at or under the module, ``own_params`` of those that it holds itself.
    ``flops`` are those of all ops that ran during its calls; ``uncounted_ops`` says how many of these have no formula, and
    ``flops`` is ``None`` where nothing else was counted. ``output_shapes`` are those of its last call. ``extra_repr`` is what
    ``extra_repr`` says of it (``in_features=10, out_features=5, bias=True``).
    """

    path: str
    class_name: str = field(metadata=_CLASS)
    registered: bool
    layer: bool
    calls: int
    params: int
    own_params: int
    trainable_params: int
    param_bytes: int
    flops: int | None
    output_shapes: tuple[Shape | None, ...]
    uncounted_ops: int = 0
    training: bool = False
    extra_repr: str = ""
    aliases: tuple[str, ...] = ()


@_quick_to_make
@dataclass(frozen=True, slots=True)
class StateTensor:
    """One registered parameter or buffer, listed once under its first name; ``aliases`` are its other names (tied weights).

    ``used`` says whether any op got it as an operand, or ``None`` when nothing was run.
    """

    name: str
    aliases: tuple[str, ...]
    shape: Shape | None
    dtype: str
    device: str
    numel: int
    trainable: bool
    used: bool | None


@dataclass(frozen=True, slots=True)
class Unregistered:
    """A tensor or a module that the forward used and that nothing registers.

    ``name`` is where it was found (``layers[0]``, ``global SCALE``, ``torch.rand``); ``params`` counts a module's parameter
    elements, and those of a tensor that is an ``nn.Parameter``. ``role`` says what a tensor is: ``weight`` (it stands where a
    weight stands and was made in ``forward``), ``attribute``, ``global``, ``closure``; ``module`` for modules.
    """

    kind: Literal["tensor", "module"]
    name: str
    class_name: str = field(metadata=_CLASS)
    shape: Shape | None
    params: int
    source: Source | None
    dtype: str | None = None
    role: str = ""
    module: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the report; ``flops`` is :class:`torch.utils.flop_counter.FlopCounterMode`'s total on the same run.

    ``estimated_flops`` adds to that the FLOPs of operators without a formula whose twins have one (fused attention on the CPU);
    ``None`` where some are still unknown.
    """

    params: int
    trainable_params: int
    param_bytes: int
    buffer_bytes: int
    ops: int
    hidden_ops: int
    flops: int
    hidden_flops: int
    uncounted_ops: int
    estimated_flops: int | None = None


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """What torchinfo counted in the same forward; ``None`` where it gave no number."""

    version: str
    params: int | None
    trainable_params: int | None
    mult_adds: int | None
    layers: int | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ForwardError:
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
    """What one forward ran: the registered half and the hidden half. See the module's docstring."""

    model: ModelInfo
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    modules: tuple[ModuleInfo, ...]
    ops: tuple[Op, ...]
    unregistered: tuple[Unregistered, ...]
    totals: Totals
    error: ForwardError | None = None
    calls: tuple[Call, ...] = field(default_factory=tuple)
    parameters: tuple[StateTensor, ...] = field(default_factory=tuple)
    buffers: tuple[StateTensor, ...] = field(default_factory=tuple)
    torchinfo: CrossCheck | None = None

    @classmethod
    def made_later(cls, make: Callable[[], Report], *, model: ModelInfo, inputs: tuple[Input, ...]) -> Report:
        """A report of a forward that did not raise, whose other fields ``make`` gives when one of them is first asked for.

        ``make`` must need nothing that may change meanwhile.
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
        return {"schema_version": SCHEMA_VERSION, **_encode(self)}

    @classmethod
    def from_dict(cls, data: object) -> Report:
        """Reads the JSON form back; keys that this version does not know are passed over.

        Raises:
            ReportError: ``data`` is no report, or of another schema version.
        """
        if not isinstance(data, dict) or "schema_version" not in data:
            raise ReportError(
                "this is no modinspect report: the key 'schema_version' is missing",
                "Save one with: modinspect show TARGET --format json --output report.json",
            )
        if data["schema_version"] != SCHEMA_VERSION:
            raise ReportError(
                f"the report has schema_version {data['schema_version']!r}, this modinspect reads {SCHEMA_VERSION}",
                "Make the report again with this version.",
            )
        report: Report = _decode(cls, data, "report")
        _check_places(report)
        return report

    def __str__(self) -> str:
        return printed(self)


def index_of(origin: str | None, kind: str) -> int | None:
    """The 12 of ``op:12`` if ``kind`` is ``op``; ``None`` for an origin of another kind."""
    found, _, index = (origin or "").partition(":")
    return int(index) if found == kind and re.fullmatch("[0-9]{1,18}", index) else None  # a saved report may hold anything


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, str, Any, bool], ...]:
    """(field, JSON key, type, required) of each field of a dataclass."""
    hints = typing.get_type_hints(cls)
    return tuple(
        (
            f.name,
            f.metadata.get("key", f.name),
            hints[f.name],
            f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING,
        )
        for f in dataclasses.fields(cls)
    )


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: _encode(getattr(value, name)) for name, key, _, _ in _fields(type(value))}
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    return value


def _decode(expected: Any, value: Any, where: str) -> Any:
    """``value`` as the type ``expected``; ``where`` names its place for the message."""
    origin = typing.get_origin(expected)
    if dataclasses.is_dataclass(expected):
        return _decode_dataclass(expected, value, where)
    if origin in (Union, types.UnionType):
        options = typing.get_args(expected)
        if value is None and type(None) in options:
            return None
        rest = [option for option in options if option is not type(None)]
        if len(rest) == 1:
            return _decode(rest[0], value, where)
        return value  # Literals: whatever JSON holds
    if origin is tuple:
        _check(isinstance(value, (list, tuple)), "a list", value, where)
        item = typing.get_args(expected)[0]
        return tuple(_decode(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        _check(isinstance(value, dict), "an object", value, where)
        return dict(value)
    if origin is Literal:
        _check(value in typing.get_args(expected), f"one of {typing.get_args(expected)}", value, where)
        return value
    right = isinstance(value, expected) and not (expected is int and isinstance(value, bool))
    _check(right, expected.__name__, value, where)
    if expected is int:
        _check(abs(value) < _TOO_LARGE, "a number that a model can have", "one of more digits", where)
    return value


def _decode_dataclass(cls: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, dict), "an object", value, where)
    arguments = {}
    for name, key, hint, required in _fields(cls):
        if key in value:
            arguments[name] = _decode(hint, value[key], f"{where}.{key}")
        elif required:
            raise ReportError(f"{where} lacks the key {key!r}", "The file is no whole report; make it again.")
    return cls(**arguments)


def _check_places(report: Report) -> None:
    """Ops and calls name each other by their places: a call lies inside the one around it, and its ops are there."""
    for place, op in enumerate(report.ops):
        _check(op.index == place, f"{place}, its place", op.index, f"report.ops[{place}].index")
    for place, call in enumerate(report.calls):
        where = f"report.calls[{place}]"
        _check(call.index == place, f"{place}, its place", call.index, f"{where}.index")
        above = call.parent
        _check(above is None or 0 <= above < place, "null or the place of a call before it", above, f"{where}.parent")
        first, last = (0, len(report.ops)) if above is None else (report.calls[above].start, report.calls[above].stop)
        _check(first <= call.start <= last, f"from {first} to {last}", call.start, f"{where}.start")
        _check(call.start <= call.stop <= last, f"from {call.start} to {last}", call.stop, f"{where}.stop")


def _check(right: bool, expected: str, value: Any, where: str) -> None:
    if not right:
        found = repr(value) if len(repr(value)) <= 60 else f"{type(value).__name__}"
        raise ReportError(f"{where} should be {expected}, found {found}", "The file is no whole report; make it again.")
