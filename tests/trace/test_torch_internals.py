"""The room for private torch: what its files say they use is what they use, and the page about it is up to date."""

from __future__ import annotations

import ast
import importlib
import runpy
from pathlib import Path

import pytest

from modinspect.trace import _torch
from tests.private_torch import names_a_use, own_names, patches, private_uses

ROOM = Path(_torch.__file__).parent
FILES = sorted(path.stem for path in ROOM.glob("*.py") if path.stem != "__init__")
REPOSITORY = Path(__file__).parents[2]
PACKAGE = ROOM.parents[1]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


OWN = own_names(map(tree_of, PACKAGE.rglob("*.py")))


@pytest.mark.parametrize("file", FILES)
def test_each_private_part_that_a_file_uses_is_recorded_in_it(file: str) -> None:
    recorded = [use.name for use in getattr(importlib.import_module(f"{_torch.__name__}.{file}"), "USES", ())]
    used = [name for name, _ in private_uses(tree_of(ROOM / f"{file}.py"), OWN)]
    assert [name for name in used if not any(names_a_use(record, name) for record in recorded)] == []
    assert [record for record in recorded if not any(names_a_use(record, name) for name in used)] == []
    assert len(recorded) == len(set(recorded))


@pytest.mark.parametrize("file", FILES)
def test_each_patch_is_recorded_in_its_file(file: str) -> None:
    recorded = {patch.name for patch in getattr(importlib.import_module(f"{_torch.__name__}.{file}"), "PATCHES", ())}
    assert {name.rpartition(".")[2] for name in recorded} == set(patches(tree_of(ROOM / f"{file}.py")))


def test_the_page_is_up_to_date() -> None:
    maker = runpy.run_path(str(REPOSITORY / "docs" / "make_torch_internals.py"))
    assert maker["page"]() == (REPOSITORY / "docs" / "torch-internals.md").read_text(encoding="utf-8"), "run make docs"


def test_the_scan_finds_private_parts_however_they_are_written() -> None:
    code = """
import torch, os
from torch import nn, _C as core
from torch.utils._python_dispatch import TorchDispatchMode
class Own:
    def _own(self): ...
torch._C._is_tracing()
core._x
nn.modules._y.z
operator._schema.arguments
thing._own
module._parameters
os._exit(0)
torch.ops.aten._conj
getattr(torch, "x"); f("torch._dynamo")
PrivateUse("torch._recorded", "in a record")
"""
    tree = ast.parse(code)
    assert sorted(name for name, _ in private_uses(tree, own_names([tree]))) == [
        "._schema",
        "torch._C",
        "torch._C._is_tracing",
        "torch._C._x",
        "torch._dynamo",
        "torch.nn.modules._y.z",
        "torch.utils._python_dispatch.TorchDispatchMode",
    ]
