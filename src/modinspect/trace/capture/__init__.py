"""Records what runs during one forward."""

from modinspect.trace.capture.aten import DECIDED_BY_VALUES, WRITES_STATISTICS, AtenCapture, AtenMode
from modinspect.trace.capture.classify import operands_of
from modinspect.trace.capture.module_calls import called_module
from modinspect.trace.capture.names import (
    EXPOSES,
    READS,
    SET_DATA,
    SETS_FLAGS,
    SILENT,
    argument_name,
    last_name,
    parameters_of,
    public_name,
    remembered,
)
from modinspect.trace.capture.recorder import Recorder, passes_op
from modinspect.trace.capture.records import (
    CallRecord,
    CallSignature,
    Failure,
    GraphInput,
    OpRecord,
    Origin,
    Recording,
    TensorRef,
    UnregisteredUse,
)
from modinspect.trace.capture.sources import EDGE, NOWHERE, SourceRef, Sources, line_of

__all__ = [
    "DECIDED_BY_VALUES",
    "EDGE",
    "EXPOSES",
    "NOWHERE",
    "READS",
    "SETS_FLAGS",
    "SET_DATA",
    "SILENT",
    "WRITES_STATISTICS",
    "AtenCapture",
    "AtenMode",
    "CallRecord",
    "CallSignature",
    "Failure",
    "GraphInput",
    "OpRecord",
    "Origin",
    "Recorder",
    "Recording",
    "SourceRef",
    "Sources",
    "TensorRef",
    "UnregisteredUse",
    "argument_name",
    "called_module",
    "last_name",
    "line_of",
    "operands_of",
    "parameters_of",
    "passes_op",
    "public_name",
    "remembered",
]
