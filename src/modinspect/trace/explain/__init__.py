"""Explains a failure in one sentence."""

from modinspect.trace.explain.failed_call import FailedCall
from modinspect.trace.explain.failed_line import FailedLine, NamedValue
from modinspect.trace.explain.layer_inputs import explain_call
from modinspect.trace.explain.python_errors import explain_python_error
from modinspect.trace.explain.sentence import explain

__all__ = ["FailedCall", "FailedLine", "NamedValue", "explain", "explain_call", "explain_python_error"]
