"""The exception that a forward raised: its message, its line and the op that failed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import TracebackType

from modinspect.trace.assemble.failed_line import OriginText, read_failed_line
from modinspect.trace.capture import NOWHERE, Failure, OpRecord, Recorder, SourceRef, called_module, passes_op
from modinspect.trace.explain import FailedLine
from modinspect.usercode import said, traceback_text

_SCRIPTED = "failed in the TorchScript interpreter"


@dataclass(frozen=True, slots=True)
class RaisedError:
    """The exception that a forward raised.

    Attributes:
        type: the name of its class.
        message: what it says.
        module: the path of the module that was running.
        source: the line.
        op: the op that failed; ``None`` if the exception came from none.
        index_ranges: lowest and highest value of operands that are indices, by position; only for errors about indices.
        line: the expression that failed.
        traceback: without modinspect's own frames.
    """

    type: str
    message: str
    module: str
    source: SourceRef
    op: OpRecord | None
    index_ranges: dict[int, tuple[int, int]]
    line: FailedLine | None
    traceback: str


def describe_error(error: BaseException, recorder: Recorder, origin_text: OriginText) -> RaisedError:
    """Describes ``error``, raised by the forward that ``recorder`` recorded; ``origin_text`` returns an origin as text.

    Args:
        error: which the forward raised
        recorder: of this forward
        origin_text: returns an origin as the report writes it
    """
    failure = _failed_op(error, recorder)
    op = None if failure is None else failure.op
    module, source, innermost = _failed_at(error, recorder)
    if op is not None:
        module, source = recorder.path_of_call(op.call), op.source
    line = None
    if innermost is not None:
        line = read_failed_line(innermost.tb_frame, innermost.tb_lasti, recorder.provenance.origin, origin_text)
    ranges = {} if failure is None else failure.index_ranges
    return RaisedError(type(error).__name__, _message(error, failure), module, source, op, ranges, line, _traceback(error))


def _failed_op(error: BaseException, recorder: Recorder) -> Failure | None:
    failure = recorder.failure
    if failure is None:
        return None
    if failure.operator_message is not None:
        return failure if failure.error == id(error) or _SCRIPTED in said(error) else None
    # The model may have caught an earlier exception with the same id.
    return failure if failure.error == id(error) and passes_op(error.__traceback__) else None


def _failed_at(error: BaseException, recorder: Recorder) -> tuple[str, SourceRef, TracebackType | None]:
    """(path of the module, line of code, its entry in the traceback) that raised."""
    source = NOWHERE
    path = ""
    innermost = None
    trace = error.__traceback__
    while trace is not None:
        module = called_module(trace.tb_frame)
        if module is not None:
            path = module.path
        if recorder.sources.find(trace.tb_frame)[0] is trace.tb_frame.f_code:
            source = (trace.tb_frame.f_code, trace.tb_lasti, False)
            innermost = trace
        trace = trace.tb_next
    return path, source, innermost


def _message(error: BaseException, failure: Failure | None) -> str:
    """The message of ``error``. TorchScript's interpreter drops the message of the operator that failed: it is appended."""
    text = said(error)
    if failure is None or failure.operator_message is None or failure.operator_message in text:
        return text
    return f"{text.rstrip()} {failure.operator_message}"


def _traceback(error: BaseException) -> str:
    """The traceback without modinspect's own frames."""
    return traceback_text(error, without=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
