"""Sources point to the user's code: never into torch, Python's library or modinspect."""

from __future__ import annotations

import contextlib
import copy
import functools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import typing_extensions
from torch import Tensor, nn

import modinspect
from modinspect.examples import MyModel
from modinspect.report import Report
from modinspect.usercode import is_users

HERE = "test_sources.py"


def sources_of(report: Report) -> set[str]:
    found = [*(op.source for op in report.ops), *(call.source for call in report.calls)]
    found += [use.source for use in report.unregistered]
    return {f"{Path(source.file).name}: {source.code}" for source in found if source is not None}


@contextlib.contextmanager
def shifted(x: Tensor) -> Iterator[Tensor]:
    yield x + 1  # in a context manager


@typing_extensions.deprecated("for the test")
def old_scale(x: Tensor) -> Tensor:
    return x * 2  # in a deprecated function


class Through(nn.Module):
    """Calls modules and ops through wrappers of Python's library and typing_extensions."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.call_fc = functools.singledispatch(self.fc)

    def forward(self, x: Tensor) -> Tensor:
        with shifted(x) as y:
            x = y
        x = old_scale(x)
        x = self.call_fc(x)  # a wrapper calls the module
        x = functools.reduce(torch.add, [x, x, x])  # C code of Python's library
        clone = copy.deepcopy(x)  # copy calls torch
        rows = [clone]
        random.shuffle(rows)
        with contextlib.ExitStack() as stack:
            stack.callback(clone.add_, 1)  # runs in contextlib
        return sum(rows)  # sum calls __radd__


def test_ops_and_calls_through_wrappers_point_to_the_line_that_uses_them() -> None:
    with pytest.warns(DeprecationWarning, match="for the test"):
        report = modinspect.inspect(Through(), torch.rand(2, 4))
    found = sources_of(report)
    assert {entry.partition(":")[0] for entry in found} == {HERE}
    assert f"{HERE}: x = self.call_fc(x)  # a wrapper calls the module" in found
    assert f"{HERE}: clone = copy.deepcopy(x)  # copy calls torch" in found
    assert any("with contextlib.ExitStack()" in entry or "stack.callback" in entry for entry in found)


def test_the_example_of_modinspect_counts_as_the_users() -> None:
    report = modinspect.inspect(MyModel(), torch.rand(1, 10))
    assert {entry.partition(":")[0] for entry in sources_of(report)} == {"examples.py"}


def test_an_error_inside_a_wrapper_points_to_the_users_line() -> None:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return copy.deepcopy(x.reshape(7))  # the line

    report = modinspect.inspect(Fails(), torch.rand(2, 4))
    assert report.error is not None
    assert report.error.source is not None
    assert report.error.source.code == "return copy.deepcopy(x.reshape(7))  # the line"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (__file__, True),
        ("model.py", True),
        ("<stdin>", True),
        ("<ipython-input-1-abc>", True),
        (str(Path(modinspect.__file__).parent / "examples.py"), True),
        (str(Path(torch.__file__).parents[1] / "torchvision" / "models" / "resnet.py"), True),
        (str(Path(modinspect.__file__).parent / "torchinfo_check.py"), False),
        (modinspect.__file__, False),
        (torch.nn.functional.__file__, False),
        (typing_extensions.__file__, False),
        (contextlib.__file__, False),
        (functools.__file__, False),
        (copy.__file__, False),
        ("<frozen importlib._bootstrap>", False),
    ],
)
def test_which_files_are_the_users(file: str, expected: bool) -> None:
    assert is_users(file) is expected
