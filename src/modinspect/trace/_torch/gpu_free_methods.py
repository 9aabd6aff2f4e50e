"""Tensor methods written as operators, for tensors on a device that this build of torch doesn't support.

A few of torch's hand-written methods take the device's guard before they do anything, even for tensors without memory. A
build without CUDA has no such guard and raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modinspect.trace._torch.private import PrivateUse

_ATEN = torch.ops.aten

USES = (PrivateUse("torch._C._nn._parse_to", "Reads the arguments of `Tensor.to` in all their forms, as torch does."),)


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
    """The view that the slices and integers of ``index`` select, and the tensors that index this view."""
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
    """How many dimensions of the tensor one part of an index consumes."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8):
        return part.dim()
    return 1


def _to(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``x.to(...)`` in all its forms."""
    first = args[0] if args else kwargs.get("other")
    copy = bool(kwargs.pop("copy", False))
    if isinstance(first, Tensor):
        device, dtype, memory_format = first.device, first.dtype, kwargs.get("memory_format")
    else:
        device, dtype, _, memory_format = torch._C._nn._parse_to(*args, **kwargs)
    if not copy and device in (None, x.device) and dtype in (None, x.dtype) and memory_format is None:
        return x
    options = {"dtype": dtype, "device": device, "memory_format": memory_format}
    return _ATEN._to_copy.default(x, **{name: value for name, value in options.items() if value is not None})  # type: ignore[no-any-return]


def _to_dtype(dtype: torch.dtype) -> Callable[..., Tensor]:
    return lambda x, memory_format=None: _to(x, dtype=dtype, memory_format=memory_format)


def _to_device(name: str) -> Callable[..., Tensor]:
    return lambda x, device=name, **options: _to(x, device=device, memory_format=options.get("memory_format"))


def _contiguous(x: Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    return x if x.is_contiguous(memory_format=memory_format) else _ATEN.clone.default(x, memory_format=memory_format)


def _copy(x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    return _ATEN.copy_.default(x, source, non_blocking)  # type: ignore[no-any-return]


def _from_data(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``torch.tensor(data, device=...)``: makes the tensor on the CPU and moves it to ``device``."""

    def made(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        return _to(make(*args, **kwargs), device=device) if device is not None else make(*args, **kwargs)

    return made


def _new_tensor(x: Tensor, data: Any, *, dtype: torch.dtype | None = None, device: Any = None, **kwargs: Any) -> Tensor:
    made = torch.tensor(data, dtype=dtype or x.dtype, **kwargs)
    return _to(made, device=x.device if device is None else device)


_DTYPES = "bfloat16 bool byte cdouble cfloat char double float half int long short".split()

UNGUARDED: dict[Any, Callable[..., Any]] = {
    Tensor.__getitem__: get_item,
    Tensor.__setitem__: set_item,
    Tensor.to: _to,
    Tensor.contiguous: _contiguous,
    Tensor.copy_: _copy,
    Tensor.new_tensor: _new_tensor,
    torch.tensor: _from_data(torch.tensor),
    torch.as_tensor: _from_data(torch.as_tensor),
    Tensor.cpu: _to_device("cpu"),
    Tensor.cuda: _to_device("cuda"),
    **{getattr(Tensor, name): _to_dtype(getattr(torch, {"byte": "uint8", "char": "int8"}.get(name, name))) for name in _DTYPES},
}
"""The replacement for each method."""
