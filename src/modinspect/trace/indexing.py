"""``x[index]`` in terms of operators, for devices that this build of torch has no guard for.

torch's own ``__getitem__`` asks for the device's guard first, even for tensors without memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_ATEN = torch.ops.aten


def get_item(x: Tensor, index: Any) -> Tensor:
    """``x[index]``, by the operators that ``Tensor.__getitem__`` calls."""
    view, indices = _view_and_indices(x, index)
    if indices:
        return _ATEN.index.Tensor(view, indices)  # type: ignore[no-any-return]
    return _ATEN.alias.default(x) if view is x else view


def set_item(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``, by the operators that ``Tensor.__setitem__`` calls."""
    view, indices = _view_and_indices(x, index)
    if not isinstance(value, Tensor):
        if not indices:
            _ATEN.fill_.Scalar(view, value)
            return
        value = torch.tensor(value, dtype=x.dtype)
    if indices:
        _ATEN.index_put_.default(view, indices, value)
    else:
        while value.dim() > view.dim() and value.size(0) == 1:
            value = _ATEN.select.int(value, 0, 0)
        _ATEN.copy_.default(view, value)


def _view_and_indices(x: Tensor, index: Any) -> tuple[Tensor, list[Tensor | None]]:
    """The view that the plain parts of ``index`` select, and what indexes it as tensors."""
    parts = index if isinstance(index, tuple) else (index,)
    consumed = sum(_dims(part) for part in parts)
    view, dim, indices = x, 0, []  # type: ignore[var-annotated]
    for part in parts:
        if part is Ellipsis:
            dim += x.dim() - consumed
        elif part is None:
            view = _ATEN.unsqueeze.default(view, dim)
            dim += 1
        elif isinstance(part, bool):
            view = _ATEN.unsqueeze.default(view, dim)
            indices += [None] * (dim - len(indices)) + [torch.tensor([part])]
            dim += 1
        elif isinstance(part, slice):
            start, stop, step = part.indices(view.size(dim))
            if (start, stop, step) != (0, view.size(dim), 1):
                view = _ATEN.slice.Tensor(view, dim, start, stop, step)
            dim += 1
        elif isinstance(part, Tensor) or not hasattr(part, "__index__"):
            tensor = part if isinstance(part, Tensor) else torch.tensor(part)
            indices += [None] * (dim - len(indices)) + [tensor]
            dim += _dims(tensor)
        else:
            view = _ATEN.select.int(view, dim, int(part))
    return view, indices


def _dims(part: Any) -> int:
    """How many dimensions of the tensor one part of an index takes."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8):
        return part.dim()
    return 1
