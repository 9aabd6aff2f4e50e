"""Working directories for the tests of inputs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


FUNCTIONS = """
import torch
from collections import namedtuple, UserDict

def args(n=2): return (torch.ones(n), 3)
def listed(): return [torch.ones(2)]
def kwargs(): return {"x": torch.ones(2)}
def encoding(): return UserDict(x=torch.ones(2))
def both(): return ([torch.ones(2)], {"mask": torch.zeros(1)})
def one(): return torch.ones(2)
def packed(): return torch.nn.utils.rnn.pack_sequence([torch.ones(2, 1), torch.ones(1, 1)])
def nothing(): pass
def needs(model): return model
def keys(): return {0: torch.ones(2)}
def raises():
    raise ValueError("no data")
def inside():
    raise TypeError("from inside")
def listed_pair(): return [torch.ones(1)], {0: 1}
layer = torch.nn.Identity()
bare = torch.zeros
def empty(): return {}
def triple(): return [torch.ones(1)], {"x": 1}, 3
def number_and_dict(): return 3, {"x": 1}
def two(): return [torch.ones(2)], [torch.ones(3)]
Named = namedtuple("Named", ["a"])
def named(): return Named(torch.ones(2))
def stops(): raise SystemExit
def generated(): yield torch.ones(2)
async def waits(): return torch.ones(2)
def late():
    import extra
    return extra.value
number = 3
"""


@pytest.fixture
def functions(folder: Path) -> Iterator[Path]:
    before = set(sys.modules)
    (folder / "fns.py").write_text(FUNCTIONS)
    (folder / "extra.py").write_text("import torch\nvalue = torch.ones(5)\n")
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]
