"""What a forward raised: which op failed, where, and what there is to say of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from modinspect.trace.capture import NOWHERE, Failure, OpRecord, Recorder, SourceRef, called_module, passes_op
from modinspect.usercode import said, traceback_text

_SCRIPTED = "failed in the TorchScript interpreter"


@dataclass(frozen=True, slots=True)
class RaisedError:
    """What a forward raised; ``op`` is the call that failed, ``None`` where the exception came from no op."""

    type: str
    message: str
    module: str
    source: SourceRef
    op: OpRecord | None
    traceback: str


def describe_error(error: BaseException, recorder: Recorder) -> RaisedError:
    """What there is to say of ``error``, which came out of the forward that ``recorder`` recorded."""
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
    # An exception that the model has caught may have had the same id.
    return failure if failure.error == id(error) and passes_op(error.__traceback__) else None


def _failed_at(error: BaseException, recorder: Recorder) -> tuple[str, SourceRef]:
    """(module, line of code) that raised."""
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
    """What ``error`` says; the interpreter of scripted code does not pass on what an operator said, so that is added."""
    text = said(error)
    if failure is None or failure.operator_message is None or failure.operator_message in text:
        return text
    return f"{text.rstrip()} {failure.operator_message}"


def _traceback(error: BaseException) -> str:
    """The traceback without modinspect's own frames."""
    return traceback_text(error, without=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
