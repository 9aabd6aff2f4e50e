"""From what was recorded to the report."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from modinspect.report import (
    Call,
    ForwardError,
    Input,
    ModelInfo,
    ModuleInfo,
    Op,
    Operand,
    Output,
    Report,
    Result,
    Shape,
    Totals,
    Unregistered,
)
from modinspect.trace import names
from modinspect.trace.explain import explain
from modinspect.trace.half import ModuleRun, RegisteredHalf
from modinspect.trace.lineage import Weights, find_weights
from modinspect.trace.recorder import Recorder, calling, passes_op
from modinspect.trace.records import CallRecord, Failure, Known, OpRecord, Origin, Seen
from modinspect.trace.tensors import dtype_name
from modinspect.usercode import said


@dataclass(frozen=True)
class Ran:
    """How the run went, beside what was recorded."""

    model: ModelInfo
    inputs: tuple[Input, ...]
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class _Template:
    """What all calls of one :class:`Known` have in common; ``operands`` are (shape, dtype, argument)."""

    name: str
    operands: tuple[tuple[Shape | None, str, str], ...]
    arguments: dict[str, Any]


class Builder:
    """Turns records into report data. Data alike is made once and shared."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._weights: Weights = find_weights(recorder)
        self._templates: dict[int, _Template] = {}
        self._results: dict[Any, tuple[Result, ...]] = {}
        self._roots = [r.text if r.place is None else f"unregistered:{r.place}" for r in recorder.roots]
        self._ops = tuple([self._op(index, record) for index, record in enumerate(recorder.ops)])
        self._calls = tuple([self._call(index, record) for index, record in enumerate(recorder.calls)])

    def report(self, half: RegisteredHalf, ran: Ran) -> Report:
        """Puts the registered half and the record of the run together; unregistered modules that ran come last."""
        unregistered = (record.info for record in self._recorder.unregistered if record.info is not None and record.calls)
        return Report(
            model=ran.model,
            inputs=ran.inputs,
            outputs=self._calls[0].outputs,
            modules=(*half.modules, *(_with_run(info, self.runs[info.path]) for info in unregistered)),
            ops=self._ops,
            unregistered=self._unregistered(),
            totals=self._totals(half),
            error=self._error(ran.error),
            calls=self._calls,
            parameters=half.parameters,
            buffers=half.buffers,
        )

    def used(self) -> frozenset[str]:
        """The names of the parameters and buffers that some op got."""
        origins = {origin for record in self._recorder.ops for origin in record.origins if origin is not None and origin < 0}
        return frozenset(self._recorder.roots[-1 - origin].text.partition(":")[2] for origin in origins)

    @functools.cached_property
    def runs(self) -> dict[str, ModuleRun]:
        """What the calls of each module came to, by path: FLOPs of all ops that ran during them, each once."""
        calls = self._recorder.calls
        counted, uncounted = [0] * len(calls), [0] * len(calls)
        for record in self._recorder.ops:
            known = record.known
            counted[record.call] += known.flops or 0
            uncounted[record.call] += known.flops is None or known.flops != known.estimate
        for index in range(len(calls) - 1, 0, -1):  # a call stands behind the one that it was made in
            parent = calls[index].parent
            if parent is not None:
                counted[parent] += counted[index]
                uncounted[parent] += uncounted[index]
        sums: dict[str, list[int]] = {}
        for index, call in enumerate(calls):
            mine = sums.setdefault(call.record.path, [0, 0])
            if not (call.number and self._is_inside_itself(call)):
                mine[0] += counted[index]
                mine[1] += uncounted[index]
        last = {call.module: call for call in self._calls}
        return {
            path: ModuleRun(
                last[path].call + 1,
                None if unknown and not flops else flops,
                unknown,
                tuple([output.shape for output in last[path].outputs]),
            )
            for path, (flops, unknown) in sums.items()
        }

    def _is_inside_itself(self, call: CallRecord) -> bool:
        """Whether a module was called by itself: what ran then has been counted with the call around it."""
        above = call.parent
        while above is not None:
            if self._recorder.calls[above].record is call.record:
                return True
            above = self._recorder.calls[above].parent
        return False

    def _totals(self, half: RegisteredHalf) -> Totals:
        estimates = [record.known.estimate for record in self._recorder.ops]
        known = [estimate for estimate in estimates if estimate is not None]
        return Totals(
            params=half.size.numel,
            trainable_params=half.size.trainable,
            param_bytes=half.size.bytes,
            buffer_bytes=half.buffer_bytes,
            ops=len(self._ops),
            hidden_ops=sum([op.hidden for op in self._ops]),
            flops=sum([op.flops or 0 for op in self._ops]),
            hidden_flops=sum([op.flops or 0 for op in self._ops if op.hidden]),
            uncounted_ops=sum([op.flops is None or op.flops != op.estimated_flops for op in self._ops]),
            estimated_flops=sum(known) if len(known) == len(estimates) else None,
        )

    def _op(self, index: int, record: OpRecord) -> Op:
        call = self._recorder.calls[record.call]
        known = record.known
        kept = self._recorder.kept
        template = self._templates.get(id(known))
        if template is None:
            template = self._templates[id(known)] = _template(record)
        weights = self._weights.of_op.get(index)
        origins = [self._origin(origin) for origin in record.origins]
        if weights is not None:
            for position, place in weights.items():
                origins[position] = f"unregistered:{place}"
        return Op(
            index,
            template.name,
            known.kind,
            not call.covered,
            call.record.path,
            call.number,
            tuple([
                Operand(shape, dtype, origin, argument)
                for (shape, dtype, argument), origin in zip(template.operands, origins, strict=True)
            ]),
            self._outputs(record.outputs),
            known.flops,
            self._recorder.sources.source(record.code, record.at),
            known.aten,
            template.arguments,
            known.mutates,
            known.estimate,
            None if kept is None or known.mutates else index in kept,
        )  # fmt: skip

    def _outputs(self, outputs: Any) -> tuple[Result, ...]:
        key = outputs if type(outputs) is tuple else tuple(outputs)
        found = self._results.get(key)
        if found is None:
            seen = [outputs] if type(outputs) is tuple else outputs
            found = self._results[key] = tuple([Result(_plain(shape), dtype_name(dtype)) for shape, dtype in seen])
        return found

    def _origin(self, origin: Origin) -> str | None:
        if origin is None:
            return None
        if origin >= 0:
            return f"op:{origin}"
        return self._roots[-1 - origin]

    def _call(self, index: int, record: CallRecord) -> Call:
        return Call(
            index=index,
            module=record.record.path,
            call=record.number,
            parent=record.parent,
            start=record.start,
            stop=record.stop,
            training=record.training,
            inputs=self._seen(record.inputs),
            outputs=self._seen(record.outputs),
            source=self._recorder.sources.source(*record.place),
        )

    def _seen(self, tensors: Sequence[Seen]) -> tuple[Output, ...]:
        return tuple([
            Output(path, _plain(shape), dtype_name(dtype), self._origin(origin)) for path, shape, dtype, origin in tensors
        ])  # fmt: skip

    def _unregistered(self) -> tuple[Unregistered, ...]:
        found = [*self._recorder.found, *self._weights.found]
        return tuple(
            Unregistered(
                kind="module" if item.kind == "module" else "tensor",
                name=item.name,
                class_name=item.class_name,
                shape=item.shape,
                params=item.params,
                source=self._recorder.sources.source(*item.at),
                dtype=None if item.dtype is None else dtype_name(item.dtype),
                role=item.role,
                module=item.module,
            )
            for item in found
        )

    def _error(self, error: BaseException | None) -> ForwardError | None:
        if error is None:
            return None
        failure = self._failed_op(error)
        path, place = self._failed_at(error, failure)
        op = None if failure is None else self._op(len(self._recorder.ops), failure.op)
        return ForwardError(
            type=type(error).__name__,
            message=_message(error, failure),
            module=path,
            source=self._recorder.sources.source(*place),
            op=op,
            sentence=None if op is None else explain(op, self._ops),
            traceback=_traceback(error),
        )

    def _failed_op(self, error: BaseException) -> Failure | None:
        failure = self._recorder.failure
        if failure is None:
            return None
        if failure.lost is not None:
            return failure if failure.error == id(error) or _SCRIPTED in said(error) else None
        # An exception that the model has caught may have had the same id.
        return failure if failure.error == id(error) and passes_op(error.__traceback__) else None

    def _failed_at(self, error: BaseException, failure: Failure | None) -> tuple[str, Any]:
        """(module, place in the code) that raised."""
        recorder = self._recorder
        if failure is not None:
            return recorder.calls[failure.op.call].record.path, (failure.op.code, failure.op.at)
        place: Any = (None, 0)
        path = ""
        trace = error.__traceback__
        while trace is not None:
            call = calling(trace.tb_frame)
            if call is not None:
                path = call.record.path
            found = recorder.sources.find(trace.tb_frame)
            if found[0] is trace.tb_frame.f_code:
                place = (trace.tb_frame.f_code, trace.tb_lasti)
            trace = trace.tb_next
        return path, place


_SCRIPTED = "failed in the TorchScript interpreter"


def _message(error: BaseException, failure: Failure | None) -> str:
    """What ``error`` says; the interpreter of scripted code does not pass on what an operator said, so that is added."""
    text = said(error)
    if failure is None or failure.lost is None or failure.lost in text:
        return text
    return f"{text.rstrip()} {failure.lost}"


def _traceback(error: BaseException) -> str:
    """The traceback without modinspect's own frames."""
    here = os.path.dirname(os.path.abspath(__file__))
    whole = traceback.TracebackException.from_exception(error)
    told = whole
    while told is not None:
        told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if not frame.filename.startswith(here)])
        told = told.__cause__ or told.__context__  # type: ignore[assignment]
    return "".join(whole.format())


def _template(record: OpRecord) -> _Template:
    known, func = record.known, record.func
    operands = [(_plain(shape), dtype_name(dtype), names.argument_name(func, place)) for place, shape, dtype in known.operands]
    return _Template(known.name or names.public_name(func), tuple(operands), _arguments(func, known))


def _arguments(func: Any, known: Known) -> dict[str, Any]:
    """The arguments that are no tensors by name, those left to their defaults too."""
    given = {names.argument_name(func, place): value for place, value in known.arguments.items()}
    tensors = {names.argument_name(func, place).partition(".")[0] for place, _, _ in known.operands}
    return {**{name: value for name, value in _defaults(func).items() if name not in tensors}, **given}


@functools.cache
def _defaults(func: Any) -> dict[str, Any]:
    simple = (bool, int, float, str, type(None))
    return {p.name: p.default for p in names.parameters_of(func) if isinstance(p.default, simple)}


def _plain(shape: Any) -> Shape | None:
    """``torch.Size`` as the tuple that it is."""
    return None if shape is None else tuple(shape)


def _with_run(info: ModuleInfo, run: ModuleRun) -> ModuleInfo:
    return replace(info, calls=run.calls, flops=run.flops, uncounted_ops=run.uncounted_ops, output_shapes=run.output_shapes)
