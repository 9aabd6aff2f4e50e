"""Turns a recording into a report."""

from modinspect.trace.assemble.forward_error import RaisedError, describe_error
from modinspect.trace.assemble.report_builder import ReportBuilder

__all__ = ["RaisedError", "ReportBuilder", "describe_error"]
