"""Modules with models in them, and shortcuts that build these."""

from pathlib import Path

import pytest
from hypothesis import strategies as st
from torch import nn

from modinspect.errors import TargetError
from modinspect.target import load

NET = """
from abc import ABC, abstractmethod
from torch import nn

NUM = 3

class Net(nn.Module):
    def __init__(self, width: int, depth: int = 2, act="relu"):
        super().__init__()
        if width < 0:
            raise ValueError("width is negative")
        self.fc = nn.Linear(width, width)

    @classmethod
    def from_config(cls, config):
        return cls(config["width"])

class Wrong(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear("a", 3)

class Exits(nn.Module):
    def __init__(self):
        raise SystemExit(3)

class Interrupted(nn.Module):
    def __init__(self):
        raise KeyboardInterrupt

class Abstract(nn.Module, ABC):
    @abstractmethod
    def encode(self): ...

class Outer:
    class Inner(nn.Identity):
        pass

class Plain:
    pass

class Wants(nn.Module):
    def __init__(self, backbone: nn.Module, /):
        super().__init__()

class WantsConfig(nn.Module):
    def __init__(self, config):
        super().__init__()

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError

class RaisesUnprintable(nn.Module):
    def __init__(self):
        raise Unprintable

def make(width=3, **options):
    return nn.Linear(width, len(options) or 1)

def forgets(): nn.Linear(3, 3)
def pair(): return 1, nn.Linear(3, 3)
def gives_class(): return Net
def gives_number(): return 7
async def waits(): return nn.Linear(3, 3)

model = nn.Sequential(nn.Linear(3, 3))
"""


def write(root: Path, **files: str) -> None:
    """``write(root, pkg__mod=...)`` writes ``pkg/mod.py``; ``init`` stands for ``__init__``."""
    for name, text in files.items():
        parts = ["__init__" if part == "init" else part for part in name.split("__")]
        path = root.joinpath(*parts).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def built(target: str, **init: object) -> nn.Module:
    return load(target, init).build()


def error(target: str, **init: object) -> TargetError:
    with pytest.raises(TargetError) as caught:
        built(target, **init)
    return caught.value


TOKENS = [
    "a",
    "net",
    ".",
    ":",
    "(",
    ")",
    "'",
    '"',
    "/",
    "\\",
    ".py",
    "=",
    ",",
    "1",
    "-",
    "[",
    "]",
    "{",
    "*",
    " ",
    "\n",
    "é",
    "\ud800",
    "\x1b",
]


def shows_no_control_codes(error: TargetError) -> bool:
    return all(character.isprintable() or character == "\n" for character in str(error))


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
