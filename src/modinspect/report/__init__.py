"""The report: what one forward ran, as plain frozen data that imports neither torch nor rich."""

from __future__ import annotations

from modinspect.report.queries import index_of
from modinspect.report.schema import (
    SCHEMA_VERSION,
    Call,
    CrossCheck,
    Execution,
    ForwardError,
    Input,
    Kind,
    Literals,
    ModelInfo,
    ModuleInfo,
    Op,
    Operand,
    OtherValue,
    Output,
    Report,
    Result,
    Shape,
    Source,
    StateTensor,
    Totals,
    Unregistered,
)

__all__ = [
    "SCHEMA_VERSION",
    "Call",
    "CrossCheck",
    "Execution",
    "ForwardError",
    "Input",
    "Kind",
    "Literals",
    "ModelInfo",
    "ModuleInfo",
    "Op",
    "Operand",
    "OtherValue",
    "Output",
    "Report",
    "Result",
    "Shape",
    "Source",
    "StateTensor",
    "Totals",
    "Unregistered",
    "index_of",
]
