"""Sets one field of a nested configuration, on a copy."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from modinspect.errors import TargetError
from modinspect.usercode import user_code
from modinspect.wording import did_you_mean


def with_field(obj: Any, path: Sequence[str], value: Any, name: str) -> Any:
    """A copy of ``obj`` in which the field at ``path`` is ``value``.

    Dataclasses, named tuples, pydantic models, dictionaries (OmegaConf's too) and plain objects can be nested in each other.

    Args:
        obj: the configuration.
        path: names of fields, from the outermost one on.
        value: the new value.
        name: what messages call ``obj``.

    Raises:
        TargetError: there is no such field, or it can't be set.
    """
    first, *rest = path
    if rest:
        value = with_field(_field(obj, first, name), rest, value, f"{name}.{first}")
    elif not _has(obj, first):
        _field(obj, first, name)  # raises
    with user_code(TargetError, f"setting {first!r} in {name}"):
        return _replaced(obj, first, value)


def _has(obj: Any, field: str) -> bool:
    return type(obj) is dict or field in _names(obj)  # a plain dictionary takes any key


def _field(obj: Any, field: str, name: str) -> Any:
    if field not in _names(obj):
        raise TargetError(f"{name} has no field {field!r}", did_you_mean(field, _names(obj)))
    with user_code(TargetError, f"looking up {field!r} in {name}"):
        return obj[field] if isinstance(obj, Mapping) else getattr(obj, field)


def _names(obj: Any) -> list[str]:
    if isinstance(obj, Mapping):
        return [str(key) for key in obj]
    if dataclasses.is_dataclass(obj):
        return [field.name for field in dataclasses.fields(obj)]
    fields: Iterable[str] = getattr(obj, "_fields", ())
    return [*fields, *(name for name in dir(obj) if not name.startswith("_"))]


def _replaced(obj: Any, field: str, value: Any) -> Any:
    if type(obj) is dict:
        return {**obj, field: value}
    if isinstance(obj, MutableMapping):
        mapping = copy.deepcopy(obj)
        mapping[field] = value
        return mapping
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        return dataclasses.replace(obj, **{field: value})
    if isinstance(obj, tuple) and hasattr(obj, "_replace"):
        return obj._replace(**{field: value})
    if hasattr(obj, "model_copy"):  # pydantic
        return obj.model_copy(update={field: value})
    copied = copy.copy(obj)
    setattr(copied, field, value)
    return copied
