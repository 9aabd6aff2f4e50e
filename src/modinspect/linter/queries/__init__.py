"""Questions about reports that several rules ask."""

from __future__ import annotations

from modinspect.linter.queries.batch_comparison import first_op, op_pairs, output_pairs, rank
from modinspect.linter.queries.batchnorms import Updates, updates
from modinspect.linter.queries.report_graph import (
    PRESERVES_VALUES,
    ReportGraph,
    describe_call,
    describe_module,
    describe_op,
    group_by_unused_module,
    parent_paths,
    without_indices,
)
from modinspect.linter.queries.unregistered import (
    calls_of_created_modules,
    is_unregistered_weight,
    is_used_as_weight,
    unregistered_modules,
    unregistered_tensor,
)

__all__ = [
    "PRESERVES_VALUES",
    "ReportGraph",
    "Updates",
    "calls_of_created_modules",
    "describe_call",
    "describe_module",
    "describe_op",
    "first_op",
    "group_by_unused_module",
    "is_unregistered_weight",
    "is_used_as_weight",
    "op_pairs",
    "output_pairs",
    "parent_paths",
    "rank",
    "unregistered_modules",
    "unregistered_tensor",
    "updates",
    "without_indices",
]
