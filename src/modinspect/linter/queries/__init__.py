"""Questions about reports that several rules ask."""

from __future__ import annotations

from modinspect.linter.queries.batch_comparison import first_op, op_pairs, output_pairs, rank
from modinspect.linter.queries.batchnorms import Updates, updates
from modinspect.linter.queries.report_queries import (
    VIEWS_OF_NAMES,
    Reading,
    by_idle_module,
    holders_of,
    last,
    listed,
    short,
    where,
    without_place,
)
from modinspect.linter.queries.unregistered import (
    called_when_made,
    held_modules,
    is_loose_weight,
    loose_tensor,
    stands_as_weight,
)

__all__ = [
    "VIEWS_OF_NAMES",
    "Reading",
    "Updates",
    "by_idle_module",
    "called_when_made",
    "first_op",
    "held_modules",
    "holders_of",
    "is_loose_weight",
    "last",
    "listed",
    "loose_tensor",
    "op_pairs",
    "output_pairs",
    "rank",
    "short",
    "stands_as_weight",
    "updates",
    "where",
    "without_place",
]
