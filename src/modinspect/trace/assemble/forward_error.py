"""What a forward raised: which op failed, where, and what there is to say of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from modinspect.trace.capture.recorder import Recorder, calling, passes_op
from modinspect.trace.capture.records import Failure, OpRecord
from modinspect.trace.capture.sources import NOWHERE, Place
from modinspect.usercode import said, traceback_text

_SCRIPTED = "failed in the TorchScript interpreter"


@dataclass(frozen=True, slots=True)
class RaisedError:
    """What a forward raised; ``op`` is the call that failed, ``None`` where the exception came from no op."""

    type: str
    message: str
    module: str
    place: Place
    op: OpRecord | None
    traceback: str


def describe_error(error: BaseException, recorder: Recorder) -> RaisedError:
    """What there is to say of ``error``, which came out of the forward that ``recorder`` recorded."""
    failure = _failed_op(error, recorder)
    op = None if failure is None else failure.op
    module, place = _failed_at(error, recorder) if op is None else (recorder.calls[op.call][0].path, op.place)
    return RaisedError(type(error).__name__, _message(error, failure), module, place, op, _traceback(error))


def _failed_op(error: BaseException, recorder: Recorder) -> Failure | None:
    failure = recorder.failure
    if failure is None:
        return None
    if failure.lost is not None:
        return failure if failure.error == id(error) or _SCRIPTED in said(error) else None
    # An exception that the model has caught may have had the same id.
    return failure if failure.error == id(error) and passes_op(error.__traceback__) else None


def _failed_at(error: BaseException, recorder: Recorder) -> tuple[str, Place]:
    """(module, place in the code) that raised."""
    place = NOWHERE
    path = ""
    trace = error.__traceback__
    while trace is not None:
        module = calling(trace.tb_frame)
        if module is not None:
            path = module.path
        if recorder.sources.find(trace.tb_frame)[0] is trace.tb_frame.f_code:
            place = (trace.tb_frame.f_code, trace.tb_lasti, False)
        trace = trace.tb_next
    return path, place


def _message(error: BaseException, failure: Failure | None) -> str:
    """What ``error`` says; the interpreter of scripted code does not pass on what an operator said, so that is added."""
    text = said(error)
    if failure is None or failure.lost is None or failure.lost in text:
        return text
    return f"{text.rstrip()} {failure.lost}"


def _traceback(error: BaseException) -> str:
    """The traceback without modinspect's own frames."""
    return traceback_text(error, without=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
