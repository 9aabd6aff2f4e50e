"""From what was recorded to the report."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

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
    Unregistered,
)
from modinspect.trace import names
from modinspect.trace.explain import explain
from modinspect.trace.half import RegisteredHalf
from modinspect.trace.lineage import Weights, find_weights
from modinspect.trace.recorder import Recorder
from modinspect.trace.records import CallRecord, Failure, Known, OpRecord, Origin, Root, Seen
from modinspect.trace.tensors import dtype_name


@dataclass(frozen=True)
class Ran:
    """How the run went, beside what was recorded."""

    model: ModelInfo
    inputs: tuple[Input, ...]
    error: BaseException | None


def build_report(half: RegisteredHalf, recorder: Recorder, ran: Ran) -> Report:
    """Puts the registered half and the record of the run together."""
    builder = _Builder(recorder)
    ops = builder.ops()
    calls = tuple(builder.call(index, record) for index, record in enumerate(recorder.calls))
    modules = _with_run(half.modules, recorder, ops, calls)
    used = {root.text.partition(":")[2] for root in builder.used_roots()}
    return Report(
        model=ran.model,
        inputs=ran.inputs,
        outputs=calls[0].outputs,
        modules=modules,
        ops=ops,
        unregistered=builder.unregistered(),
        totals=replace(
            half.totals,
            ops=len(ops),
            hidden_ops=sum(op.hidden for op in ops),
            flops=sum(op.flops or 0 for op in ops),
            hidden_flops=sum(op.flops or 0 for op in ops if op.hidden),
            uncounted_ops=sum(op.flops != op.estimated_flops or op.flops is None for op in ops),
            estimated_flops=builder.estimated_flops(),
        ),
        error=builder.error(ran.error),
        calls=calls,
        parameters=tuple(replace(state, used=state.name in used) for state in half.parameters),
        buffers=tuple(replace(state, used=state.name in used) for state in half.buffers),
    )


class _Builder:
    """Turns records into report data. Data alike is made once and shared."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._weights: Weights = find_weights(recorder)
        self._results: dict[Any, Result] = {}

    def ops(self) -> tuple[Op, ...]:
        return tuple(self._op(index, record) for index, record in enumerate(self._recorder.ops))

    def _op(self, index: int, record: OpRecord) -> Op:
        call = self._recorder.calls[record.call]
        known = record.known
        weights = self._weights.of_op.get(index)
        return Op(
            index=index,
            name=known.name or names.public_name(record.func),
            kind=known.kind,
            hidden=not call.covered,
            module=call.record.path,
            call=call.number,
            inputs=tuple(
                Operand(
                    shape,
                    dtype_name(dtype),
                    f"unregistered:{weights[position]}"
                    if weights is not None and position in weights
                    else self._origin(record.origins[position]),
                    names.argument_name(record.func, place),
                )
                for position, (place, shape, dtype) in enumerate(known.operands)
            ),
            outputs=self._outputs(record.outputs),
            flops=known.flops,
            estimated_flops=known.estimate,
            source=self._recorder.sources.source(record.code, record.line),
            aten=known.aten,
            arguments=_arguments(record.func, known),
            mutates=known.mutates,
        )

    def _outputs(self, outputs: Any) -> tuple[Result, ...]:
        bare = type(outputs) is tuple
        return tuple(self._result(shape, dtype) for shape, dtype in ([outputs] if bare else outputs))

    def _result(self, shape: Any, dtype: torch.dtype) -> Result:
        key = (shape, dtype)
        found = self._results.get(key)
        if found is None:
            plain = None if shape is None else tuple(shape)
            found = self._results[key] = Result(plain, dtype_name(dtype))
        return found

    def _origin(self, origin: Origin) -> str | None:
        if origin is None:
            return None
        if origin >= 0:
            return f"op:{origin}"
        root = self._recorder.roots[-1 - origin]
        return root.text if root.place is None else f"unregistered:{root.place}"

    def used_roots(self) -> Iterable[Root]:
        used = {origin for record in self._recorder.ops for origin in record.origins if origin is not None and origin < 0}
        return (self._recorder.roots[-1 - origin] for origin in used)

    def call(self, index: int, record: CallRecord) -> Call:
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

    def _seen(self, tensors: list[Seen]) -> tuple[Output, ...]:
        return tuple(Output(path, shape, dtype_name(dtype), self._origin(origin)) for path, shape, dtype, origin in tensors)

    def unregistered(self) -> tuple[Unregistered, ...]:
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

    def estimated_flops(self) -> int | None:
        total = 0
        for record in self._recorder.ops:
            if record.known.estimate is None:
                return None
            total += record.known.estimate
        return total

    def error(self, error: BaseException | None) -> ForwardError | None:
        if error is None:
            return None
        failure = self._failed_op(error)
        path, place = self._failed_at(error, failure)
        op = None if failure is None else self._op(len(self._recorder.ops), failure.op)
        return ForwardError(
            type=type(error).__name__,
            message=str(error),
            module=path,
            source=self._recorder.sources.source(*place),
            op=op,
            sentence=None if op is None else explain(op, self.ops()),
            traceback="".join(traceback.format_exception(error)),
        )

    def _failed_op(self, error: BaseException) -> Failure | None:
        failure = self._recorder.failure
        return failure if failure is not None and failure.error == id(error) else None

    def _failed_at(self, error: BaseException, failure: Failure | None) -> tuple[str, Any]:
        """(module, place in the code) that raised."""
        recorder = self._recorder
        if failure is not None:
            return recorder.calls[failure.op.call].record.path, (failure.op.code, failure.op.line)
        place: Any = (None, 0)
        trace = error.__traceback__
        while trace is not None:
            found = recorder.sources.find(trace.tb_frame)
            if found[0] is trace.tb_frame.f_code:
                place = (trace.tb_frame.f_code, trace.tb_lineno)
            trace = trace.tb_next
        failed = recorder.failed_call
        index = failed[1] if failed is not None and failed[0] == id(error) else 0
        return recorder.calls[index].record.path, place


@functools.cache
def _defaults(func: Any) -> dict[str, Any]:
    simple = (bool, int, float, str, type(None))
    return {p.name: p.default for p in names.parameters_of(func) if isinstance(p.default, simple)}


def _arguments(func: Any, known: Known) -> dict[str, Any]:
    """The arguments that are no tensors by name, those left to their defaults too."""
    given = {names.argument_name(func, place): value for place, value in known.arguments.items()}
    tensors = {names.argument_name(func, place).partition(".")[0] for place, _, _ in known.operands}
    return {**{name: value for name, value in _defaults(func).items() if name not in tensors}, **given}


def _with_run(
    registered: tuple[ModuleInfo, ...], recorder: Recorder, ops: tuple[Op, ...], calls: tuple[Call, ...]
) -> tuple[ModuleInfo, ...]:
    """The modules with how often they ran, what they gave and what it cost; unregistered ones that ran come last."""
    flops, uncounted, counted = _flops_by_module(recorder)
    last = {call.module: call for call in calls}
    runs = {record.path: record.calls for record in recorder.modules.values()}

    def with_run(info: ModuleInfo) -> ModuleInfo:
        path = info.path
        call = last.get(path)
        unknown = uncounted.get(path, 0)
        return replace(
            info,
            calls=runs.get(path, 0),
            flops=None if unknown and not counted.get(path) else flops.get(path, 0),
            uncounted_ops=unknown,
            output_shapes=tuple(output.shape for output in call.outputs) if call is not None else (),
        )

    unregistered = (record.info for record in recorder.modules.values() if record.info is not None and record.calls)
    return tuple(with_run(info) for info in [*registered, *unregistered])


def _flops_by_module(recorder: Recorder) -> tuple[dict[str, int], dict[str, int], dict[str, bool]]:
    """FLOPs, uncounted ops and whether anything was counted, by module: of all ops that ran during its calls, each once."""
    flops: dict[str, int] = {}
    uncounted: dict[str, int] = {}
    counted: dict[str, bool] = {}
    by_call: dict[int, list[int]] = {}
    for record in recorder.ops:
        sums = by_call.setdefault(record.call, [0, 0])
        sums[0] += record.known.flops or 0
        sums[1] += record.known.flops is None or record.known.flops != record.known.estimate
    for index, (count, unknown) in by_call.items():
        for path in _chain(recorder, index):
            flops[path] = flops.get(path, 0) + count
            uncounted[path] = uncounted.get(path, 0) + unknown
            counted[path] = counted.get(path, False) or count > 0
    return flops, uncounted, counted


def _chain(recorder: Recorder, index: int | None) -> set[str]:
    """The paths of a call's module and of all modules that it was made in; a module that calls itself counts once."""
    chain = set()
    while index is not None:
        call = recorder.calls[index]
        chain.add(call.record.path)
        index = call.parent
    return chain
