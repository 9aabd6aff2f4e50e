"""Storages and the parts of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from modinspect.trace._torch.private import PrivateUse

USES = (
    PrivateUse("UntypedStorage._cdata", "The address of the storage object, which tensors without memory have too."),
    PrivateUse("torch.Tensor._values", "The public method refuses a tensor that isn't coalesced."),
    PrivateUse("torch.Tensor._indices", "The public method refuses a tensor that isn't coalesced."),
)

_ROWS = Tensor.values, Tensor.crow_indices, Tensor.col_indices
_COLUMNS = Tensor.values, Tensor.ccol_indices, Tensor.row_indices

SPARSE_PARTS: dict[torch.layout, tuple[Callable[[Tensor], Tensor], ...]] = {
    torch.sparse_coo: (Tensor._values, Tensor._indices),
    torch.sparse_csr: _ROWS,
    torch.sparse_bsr: _ROWS,
    torch.sparse_csc: _COLUMNS,
    torch.sparse_bsc: _COLUMNS,
}
"""Methods that return the dense tensors a sparse one consists of, by layout."""


def storage_of(tensor: Tensor) -> int | None:
    """The address of the storage object, the same for a tensor and its views; ``None`` without one (sparse tensors)."""
    try:
        address: int = tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError, AttributeError, ValueError):
        return None
    return address
