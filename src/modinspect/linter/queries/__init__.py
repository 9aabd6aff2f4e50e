"""Questions about reports that several rules ask."""

from __future__ import annotations

from modinspect.linter.queries.batch_comparison import first_op, op_pairs, output_pairs, rank
from modinspect.linter.queries.batchnorms import Updates, updates
from modinspect.linter.queries.report_graph import (
    PRESERVES_VALUES,
    ReportGraph,
    group_by_unused_module,
    last,
    listed,
    parent_paths,
    short,
    where,
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
    "first_op",
    "group_by_unused_module",
    "is_unregistered_weight",
    "is_used_as_weight",
    "last",
    "listed",
    "op_pairs",
    "output_pairs",
    "parent_paths",
    "rank",
    "short",
    "unregistered_modules",
    "unregistered_tensor",
    "updates",
    "where",
    "without_indices",
]
