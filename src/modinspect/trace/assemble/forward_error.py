"""The exception that a forward raised: its message, its line and the op that failed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from modinspect.trace.capture import NOWHERE, Failure, OpRecord, Recorder, SourceRef, called_module, passes_op
from modinspect.usercode import said, traceback_text

_SCRIPTED = "failed in the TorchScript interpreter"


@dataclass(frozen=True, slots=True)
class RaisedError:
    """The exception that a forward raised; ``op`` is the op that failed, ``None`` if the exception came from none."""

    type: str
    message: str
    module: str
    source: SourceRef
    op: OpRecord | None
    traceback: str


def describe_error(error: BaseException, recorder: Recorder) -> RaisedError:
    """Describes ``error``, raised by the forward that ``recorder`` recorded."""
    failure = _failed_op(error, recorder)
    op = None if failure is None else failure.op
    module, source = _failed_at(error, recorder) if op is None else (recorder.path_of_call(op.call), op.source)
    return RaisedError(type(error).__name__, _message(error, failure), module, source, op, _traceback(error))


def _failed_op(error: BaseException, recorder: Recorder) -> Failure | None:
    failure = recorder.failure
    if failure is None:
        return None
    if failure.operator_message is not None:
        return failure if failure.error == id(error) or _SCRIPTED in said(error) else None
    # The model may have caught an earlier exception with the same id.
    return failure if failure.error == id(error) and passes_op(error.__traceback__) else None


def _failed_at(error: BaseException, recorder: Recorder) -> tuple[str, SourceRef]:
    """(path of the module, line of code) that raised."""
    source = NOWHERE
    path = ""
    trace = error.__traceback__
    while trace is not None:
        module = called_module(trace.tb_frame)
        if module is not None:
            path = module.path
        if recorder.sources.find(trace.tb_frame)[0] is trace.tb_frame.f_code:
            source = (trace.tb_frame.f_code, trace.tb_lasti, False)
        trace = trace.tb_next
    return path, source


def _message(error: BaseException, failure: Failure | None) -> str:
    """The message of ``error``. TorchScript's interpreter drops the message of the operator that failed: it is appended."""
    text = said(error)
    if failure is None or failure.operator_message is None or failure.operator_message in text:
        return text
    return f"{text.rstrip()} {failure.operator_message}"


def _traceback(error: BaseException) -> str:
    """The traceback without modinspect's own frames."""
    return traceback_text(error, without=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
