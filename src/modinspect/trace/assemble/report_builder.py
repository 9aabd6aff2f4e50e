"""Builds the report from a recording."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from msgspec import structs

from modinspect.report import (
    Call,
    ForwardError,
    Input,
    ModelInfo,
    ModuleInfo,
    Op,
    Operand,
    OtherValue,
    Output,
    Report,
    Result,
    Shape,
    Totals,
    Unregistered,
)
from modinspect.trace.assemble.created_weights import CreatedWeights, find_weights
from modinspect.trace.assemble.forward_error import RaisedError
from modinspect.trace.capture import (
    CallRecord,
    CallSignature,
    OpRecord,
    Origin,
    Recording,
    TensorRef,
    argument_name,
    parameters_of,
    public_name,
    remembered,
)
from modinspect.trace.explain import FailedCall, explain, explain_call, explain_python_error
from modinspect.trace.model import ModuleRun, ModuleSummary, dtype_name


@dataclass(frozen=True, slots=True)
class _Template:
    """The data shared by all calls of one :class:`CallSignature`; ``operands`` are
    (shape, dtype, device, argument).
    """

    name: str
    operands: tuple[tuple[Shape | None, str, str | None, str], ...]
    arguments: dict[str, Any]


class ReportBuilder:
    """Turns a recording into report data. Equal data is built once and shared.

    Args:
        recording: what was recorded.
        device: the model's device, as in the report.
        aliases: other devices whose tensors count as being there: ``meta`` in a run without memory.
    """

    def __init__(self, recording: Recording, device: str, aliases: Collection[str] = ()) -> None:
        self._recording = recording
        self._model_device = device
        self._own_devices = {device, *aliases}
        self._weights: CreatedWeights = find_weights(recording)
        self._templates: dict[int, _Template] = {}
        self._results: dict[Any, tuple[Result, ...]] = {}
        self._graph_inputs = graph_input_texts(recording)
        self._ops = tuple([self._op(index, record) for index, record in enumerate(recording.ops)])
        self._calls = tuple([self._call(index, record) for index, record in enumerate(recording.calls)])

    def report(
        self,
        summary: ModuleSummary,
        model: ModelInfo,
        inputs: tuple[Input, ...],
        other_inputs: tuple[OtherValue, ...],
        raised: RaisedError | None = None,
    ) -> Report:
        """Joins what is registered with the record of the run. Unregistered modules that ran come last.

        Args:
            summary: of what the model registers
            model: how it was run
            inputs: the tensors given
            other_inputs: values given that are not tensors
            raised: the error, if the forward raised one
        """
        runs, used = self._runs(), self._used()
        unregistered = (
            record.info for record in self._recording.unregistered_modules if record.info is not None and record.calls
        )
        return Report(
            model=model,
            inputs=inputs,
            outputs=self._calls[0].outputs,
            modules=(*summary.modules(runs), *(_with_run(info, runs[info.path]) for info in unregistered)),
            ops=self._ops,
            unregistered=self._unregistered(),
            totals=self._totals(summary),
            error=None if raised is None else self._error(raised),
            calls=self._calls,
            parameters=summary.parameters(used),
            buffers=summary.buffers(used),
            packed=summary.packed,
            other_inputs=other_inputs,
            other_outputs=self._recording.other_outputs,
        )

    def _used(self) -> frozenset[str]:
        """The names of parameters and buffers that were operands."""
        origins = {origin for record in self._recording.ops for origin in record.origins if origin is not None and origin < 0}
        return frozenset(self._recording.graph_inputs[-1 - origin].text.partition(":")[2] for origin in origins)

    def _runs(self) -> dict[str, ModuleRun]:
        """Sums over the calls of each module, by path: each op that ran during them counts once."""
        calls = self._recording.calls
        counted, uncounted = [0] * len(calls), [0] * len(calls)
        for record in self._recording.ops:
            signature = record.signature
            counted[record.call] += signature.flops or 0
            uncounted[record.call] += signature.uncounted
        for index in range(len(calls) - 1, 0, -1):  # a call comes after its parent
            parent = calls[index].parent
            if parent is not None:
                counted[parent] += counted[index]
                uncounted[parent] += uncounted[index]
        sums: dict[str, list[int]] = {}
        for index, call in enumerate(calls):
            total = sums.setdefault(call.record.path, [0, 0])
            if not (call.number and self._is_inside_itself(call)):
                total[0] += counted[index]
                total[1] += uncounted[index]
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
        """Whether a call happened inside another call of the same module, which counts its ops already."""
        above = call.parent
        while above is not None:
            if self._recording.calls[above].record is call.record:
                return True
            above = self._recording.calls[above].parent
        return False

    def _totals(self, summary: ModuleSummary) -> Totals:
        estimates = [record.signature.estimate for record in self._recording.ops]
        known = [estimate for estimate in estimates if estimate is not None]
        return Totals(
            params=summary.size.numel,
            trainable_params=summary.size.trainable,
            param_bytes=summary.size.bytes,
            buffer_bytes=summary.buffer_bytes,
            ops=len(self._ops),
            hidden_ops=sum([op.hidden for op in self._ops]),
            flops=sum([op.flops or 0 for op in self._ops]),
            hidden_flops=sum([op.flops or 0 for op in self._ops if op.hidden]),
            uncounted_ops=sum([record.signature.uncounted for record in self._recording.ops]),
            estimated_flops=sum(known) if len(known) == len(estimates) else None,
        )

    def _op(self, index: int, record: OpRecord) -> Op:
        call = self._recording.calls[record.call]
        signature = record.signature
        kept = self._recording.kept
        template = self._templates.get(id(signature))
        if template is None:
            template = self._templates[id(signature)] = self._template(record)
        weights = self._weights.of_op.get(index)
        origins = [self._origin(origin) for origin in record.origins]
        if weights is not None:
            for position, weight in weights.items():
                origins[position] = f"unregistered:{weight}"
        return Op(
            index,
            template.name,
            signature.kind,
            not call.covered,
            call.record.path,
            call.number,
            tuple([
                Operand(shape, dtype, origin, argument, device)
                for (shape, dtype, device, argument), origin in zip(template.operands, origins, strict=True)
            ]),
            self._outputs(record.outputs),
            signature.flops,
            self._recording.sources.source(record.source),
            signature.aten,
            template.arguments,
            signature.mutates,
            signature.estimate,
            None if kept is None or signature.mutates else index in kept,
        )  # fmt: skip

    def _outputs(self, outputs: Any) -> tuple[Result, ...]:
        key = outputs if type(outputs) is tuple else tuple(outputs)
        found = self._results.get(key)
        if found is None:
            seen = [outputs] if type(outputs) is tuple else outputs
            found = self._results[key] = tuple(
                [Result(_plain(shape), dtype_name(dtype), self._device(device)) for shape, dtype, device in seen]
            )
        return found

    def _template(self, record: OpRecord) -> _Template:
        signature, func = record.signature, record.func
        operands = [
            (_plain(shape), dtype_name(dtype), self._device(device), argument_name(func, argument))
            for argument, shape, dtype, device in signature.operands
        ]
        return _Template(signature.name or public_name(func), tuple(operands), _arguments(func, signature))

    def _device(self, device: torch.device) -> str | None:
        """The device of a tensor if it is not the model's."""
        name = str(device)
        return None if name in self._own_devices else name

    def _origin(self, origin: Origin) -> str | None:
        """An origin as reports write it: ``op:12``, ``param:fc.weight``."""
        return origin_text(origin, self._graph_inputs)

    def _call(self, index: int, record: CallRecord) -> Call:
        return Call(
            index=index,
            module=record.record.path,
            call=record.number,
            parent=record.parent,
            start=record.start,
            stop=record.stop,
            training=record.training,
            inputs=self._tensors(record.inputs),
            outputs=self._tensors(record.outputs),
            source=self._recording.sources.source(record.source),
        )

    def _tensors(self, tensors: Sequence[TensorRef]) -> tuple[Output, ...]:
        return tuple([
            Output(path, _plain(shape), dtype_name(dtype), self._origin(origin)) for path, shape, dtype, origin in tensors
        ])  # fmt: skip

    def _unregistered(self) -> tuple[Unregistered, ...]:
        found = [*self._recording.unregistered_uses, *self._weights.found]
        return tuple(
            Unregistered(
                kind="module" if item.kind == "module" else "tensor",
                name=item.name,
                class_name=item.class_name,
                shape=item.shape,
                params=item.params,
                source=self._recording.sources.source(item.source),
                dtype=None if item.dtype is None else dtype_name(item.dtype),
                role=item.role,
                module=item.module,
            )
            for item in found
        )

    def _error(self, raised: RaisedError) -> ForwardError:
        op = None if raised.op is None else self._op(len(self._recording.ops), raised.op)
        return ForwardError(
            type=raised.type,
            message=raised.message,
            module=raised.module,
            source=self._recording.sources.source(raised.source),
            op=op,
            sentence=self._sentence(raised, op),
            traceback=raised.traceback,
        )

    def _sentence(self, raised: RaisedError, op: Op | None) -> str | None:
        if op is not None:
            call = FailedCall(op, raised.message, self._ops, self._model_device, raised.index_ranges, raised.line)
            sentence = explain(call)
        else:
            sentence = self._refused_input(raised)
        if sentence is None and raised.line is not None:
            sentence = explain_python_error(raised.line, raised.message, self._ops)
        return sentence

    def _refused_input(self, raised: RaisedError) -> str | None:
        """One sentence on a layer that refused its input before it called an op."""
        last = next((call for call in reversed(self._calls) if call.module == raised.module), None)
        module = None if last is None else self._recording.calls[last.index].record.module()
        if last is None or module is None:
            return None
        return explain_call(module, last, raised.message, self._ops)


def graph_input_texts(recording: Recording) -> list[str]:
    """The inputs of the graph as reports write them: ``param:fc.weight``, ``unregistered:0``."""
    return [
        source.text if source.unregistered_index is None else f"unregistered:{source.unregistered_index}"
        for source in recording.graph_inputs
    ]


def origin_text(origin: Origin, graph_inputs: Sequence[str]) -> str | None:
    """An origin as reports write it: ``op:12``, ``param:fc.weight``."""
    if origin is None:
        return None
    return f"op:{origin}" if origin >= 0 else graph_inputs[-1 - origin]


def _arguments(func: Any, signature: CallSignature) -> dict[str, Any]:
    """The arguments that are not tensors, by name, defaults included."""
    given = {argument_name(func, argument): value for argument, value in signature.arguments.items()}
    tensors = {argument_name(func, argument).partition(".")[0] for argument, *_ in signature.operands}
    return {**{name: value for name, value in _defaults(func).items() if name not in tensors}, **given}


@remembered
def _defaults(func: Any) -> dict[str, Any]:
    simple = (bool, int, float, str, type(None))
    return {p.name: p.default for p in parameters_of(func) if isinstance(p.default, simple)}


def _plain(shape: Any) -> Shape | None:
    """``torch.Size`` as a plain tuple."""
    return None if shape is None else tuple(shape)


def _with_run(info: ModuleInfo, run: ModuleRun) -> ModuleInfo:
    return structs.replace(
        info, calls=run.calls, flops=run.flops, uncounted_ops=run.uncounted_ops, output_shapes=run.output_shapes
    )
