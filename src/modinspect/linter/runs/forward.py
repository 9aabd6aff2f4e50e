"""The forward of a model as the rules' runs call it: the same call each time, watched or not."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from modinspect.linter.runs.input_variants import Arguments, fresh
from modinspect.linter.runs.step_recorder import Fingerprinter, RecordedRun, StepRecorder
from modinspect.report import Report
from modinspect.trace import end_copy, flatten_all


class Forward:
    """The forward of a model on some inputs, as it is called without modinspect; remembers whether it raised."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self.raised: BaseException | None = None

    def __call__(self, model: nn.Module) -> Any:
        """Returns what the forward of ``model`` returns, and raises what it raises."""
        args, kwargs = fresh(self._arguments)
        process = os.getpid()
        try:
            return call(model, args, kwargs)
        except BaseException as error:
            self.raised = error
            raise
        finally:
            end_copy(process)


def call(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The edge between modinspect and the model.

    Args:
        model: to call
        args: positional arguments
        kwargs: arguments by name
    """
    return model(*args, **kwargs)


class WrappedBody(nn.Module):
    """Does something with a model inside one inspection, which puts back whatever was changed."""

    def __init__(self, inner: nn.Module, body: Callable[[nn.Module], None]) -> None:
        super().__init__()
        self.inner = inner
        self._body = body

    def forward(self) -> None:
        """Runs the body on the model, or on the copy that is run of a lazy one."""
        self._body(self.inner)


def record(model: nn.Module, forward: Callable[[], Any], fingerprinter: Fingerprinter) -> RecordedRun:
    """Runs ``forward``, which is that of ``model``; gives what it did, with what ``fingerprinter`` saw of each result.

    Args:
        model: whose forward it is
        forward: runs it
        fingerprinter: summarizes each result
    """
    recorder = StepRecorder(model, call.__code__, fingerprinter)
    with recorder.recording():
        result = forward()
    recorder.finish([tensor for _, tensor in flatten_all(result)])
    return recorder.result


def raised(report: Report) -> str:
    """``ValueError: ... (model.py:12)``, in one line."""
    error = report.error
    assert error is not None
    message = (error.message.strip().splitlines() or [""])[0]
    where = f" ({error.source.file}:{error.source.line})" if error.source is not None else ""
    return f"{error.type}: {message}{where}"


@contextmanager
def quietly() -> Iterator[None]:
    """The user has seen the warnings of the first run; those of the others would only repeat them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
