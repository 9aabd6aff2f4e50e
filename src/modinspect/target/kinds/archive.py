"""``model.pt2`` and TorchScript archives: models saved with their code. Pickles are refused: loading one can run anything."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modinspect.errors import TargetError
from modinspect.target.kinds.colon import CALL
from modinspect.target.kinds.dotted import DOTTED
from modinspect.target.parse import Found, Kind, Target, Wanted
from modinspect.target.scope import Scope
from modinspect.usercode import user_code

_ENDINGS = r"pt2|pt|pth|bin|ckpt|pkl|pickle|torchscript"
_ONLY_TENSORS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""The variable that makes ``torch.load`` reject everything but tensors, whatever its caller passes."""

_CLASS = "Name the class of the model: pkg.mod:Class. To load a file that you trust, name a function that does it."


def _find(target: Target, wanted: Wanted) -> Found:
    path = target.place
    if not os.path.isfile(path):
        if re.search(r"[\\/]", path) or path.endswith(".pt2"):
            raise TargetError(f"there is no file {path!r}", "Paths start at the working directory.")
        return DOTTED.find(target, wanted)  # pkg.bin can be a dotted name
    names = _names(path)
    if any(re.search(r"(^|/)models/[^/]+\.json$", name) for name in names):
        return Found(_exported(path, names), Scope(()))
    if any(name.endswith("/constants.pkl") for name in names):
        return Found(_scripted(path), Scope(()))
    raise TargetError(f"{path!r} contains no model code, only pickled data, and unpickling can run arbitrary code", _CLASS)


def _names(path: str) -> list[str]:
    """The names in a zip archive; none for another file."""
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _exported(path: str, names: list[str]) -> Any:
    """The module of a program of ``torch.export``; its example inputs become its ``example_input_array``."""
    import torch

    if any("/constants/custom_obj" in name for name in names):
        raise TargetError(f"{path!r} contains pickled objects, and unpickling can run arbitrary code", _CLASS)
    with user_code(TargetError, f"loading {path!r}"), _only_tensors():
        program = torch.export.load(path)
        module = program.module()
    args, kwargs = program.example_inputs or ((), {})
    if bool(args) != bool(kwargs):
        vars(module)["example_input_array"] = tuple(args) or dict(kwargs)
    return module


def _scripted(path: str) -> Any:
    import torch

    with user_code(TargetError, f"loading {path!r}"):
        return torch.jit.load(path, map_location="cpu")


@contextmanager
def _only_tensors() -> Iterator[None]:
    before = os.environ.get(_ONLY_TENSORS)
    os.environ[_ONLY_TENSORS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ONLY_TENSORS]
        else:
            os.environ[_ONLY_TENSORS] = before


ARCHIVE = Kind("archive", re.compile(rf"(?P<place>[^:()'\"\[\]]+\.(?:{_ENDINGS}))(?P<name>){CALL}", re.DOTALL), _find)
