"""Turns a recording into a report."""

from modinspect.trace.assemble.forward_error import RaisedError, describe_error
from modinspect.trace.assemble.report_builder import ReportBuilder, graph_input_texts, origin_text

__all__ = ["RaisedError", "ReportBuilder", "describe_error", "graph_input_texts", "origin_text"]
