"""Restores random states and global settings of the process."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal.getsignal() calls repr() on handlers, which may fail
import gc
import locale
import operator
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch.nn.modules import module as nn_module

from modinspect.trace._torch import (
    default_device_mode,
    dispatch_mode_count,
    function_mode_count,
    pop_dispatch_mode_safely,
    pop_function_mode,
    restore_default_device,
)


@contextmanager
def preserved_process() -> Iterator[None]:
    """Restores random states and global settings after the block."""
    undo = save_process()
    try:
        yield
    finally:
        undo()


def save_process(*, surroundings: bool = False) -> Callable[[], None]:
    """Saves random states and global settings of the process.

    Args:
        surroundings: save the working directory, environment, signal handlers and the like, too. An import may change these
            for good reason, a forward may not.

    Returns:
        A function that restores what was saved.
    """
    # Modes come first (and are restored last): a default device would affect the other steps.
    steps = [
        _modes(),
        *(_random_state(getter, setter) for getter, setter in _random_states()),
        *(_setting(getter, setter) for getter, setter in _settings()),
        *_hooks(),
        _python(),
    ]
    if surroundings:
        steps += [
            *(_setting(getter, setter) for getter, setter in _surroundings()),
            *(_attribute(holder, name) for holder, name in _REPLACEABLE),
            _signals(),
        ]

    def undo() -> None:
        with ExitStack() as stack:  # if a step fails, the others are still taken
            for step in reversed(steps):
                stack.callback(step)

    return undo


def _random_state(getter: Callable[[], Any], setter: Callable[[Any], Any]) -> Callable[[], None]:
    state = getter()
    return lambda: setter(state)


def _random_states() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """(getter, setter) of each."""
    yield torch.get_rng_state, torch.set_rng_state
    yield random.getstate, random.setstate
    if torch.cuda.is_initialized():
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    if torch.backends.mps.is_available():
        yield torch.mps.get_rng_state, torch.mps.set_rng_state
    numpys = sys.modules.get("numpy.random")  # without an import there is no state yet
    if numpys is not None:
        yield numpys.get_state, numpys.set_state


def _setting(getter: Callable[[], Any], setter: Callable[[Any], Any]) -> Callable[[], None]:
    value = getter()

    def undo() -> None:
        if getter() != value:
            setter(value)

    return undo


def _settings() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """(getter, setter) of each."""
    yield torch.get_default_dtype, torch.set_default_dtype
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.get_num_threads, torch.set_num_threads
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode
    yield torch.is_warn_always_enabled, torch.set_warn_always
    yield _anomaly, lambda values: torch.set_anomaly_enabled(*values)
    yield partial(_autocast, "cpu"), partial(_set_autocast, "cpu")
    yield partial(_autocast, "cuda"), partial(_set_autocast, "cuda")
    yield torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled
    for name in ("flash", "mem_efficient", "math", "cudnn"):
        yield getattr(torch.backends.cuda, f"{name}_sdp_enabled"), getattr(torch.backends.cuda, f"enable_{name}_sdp")
    for name in ("enabled", "benchmark", "deterministic"):
        yield partial(getattr, torch.backends.cudnn, name), partial(setattr, torch.backends.cudnn, name)
    yield sys.getrecursionlimit, sys.setrecursionlimit
    if "numpy" in sys.modules:
        yield sys.modules["numpy"].geterr, lambda values: sys.modules["numpy"].seterr(**values)


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _autocast(device: str) -> tuple[bool, torch.dtype]:
    return torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)


def _set_autocast(device: str, values: tuple[bool, torch.dtype]) -> None:
    torch.set_autocast_enabled(device, values[0])
    torch.set_autocast_dtype(device, values[1])


def _modes() -> Callable[[], None]:
    """The default device, and modes that were entered and not left."""
    default = default_device_mode()
    function_modes, dispatch_modes = function_mode_count(), dispatch_mode_count()

    def undo() -> None:
        restore_default_device(default)
        while function_mode_count() > function_modes:
            pop_function_mode()
        while dispatch_mode_count() > dispatch_modes:
            pop_dispatch_mode_safely()

    return undo


def _hooks() -> Iterator[Callable[[], None]]:
    """The hooks on all modules."""
    for name, hooks in vars(nn_module).items():
        if name.startswith("_global_") and isinstance(hooks, dict):
            yield partial(put_back, hooks, dict(hooks))


def put_back(container: Any, before: Any) -> None:
    """Gives a dictionary, list, set or deque the contents of ``before``, if they differ."""
    if isinstance(container, dict):
        same = len(container) == len(before) and all(map(operator.is_, container.values(), before.values()))
        if same and all(map(operator.is_, container, before)):
            return
        container.clear()
        container.update(before)
    elif len(container) != len(before) or not all(map(operator.is_, container, before)):
        container.clear()
        container.update(before) if isinstance(container, set) else container.extend(before)


def _surroundings() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """(getter, setter) of each."""
    yield gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()
    yield gc.get_debug, gc.set_debug
    yield sys.getswitchinterval, sys.setswitchinterval
    yield sys.gettrace, sys.settrace
    yield sys.getprofile, sys.setprofile
    if hasattr(sys, "get_int_max_str_digits"):  # since Python 3.10.7
        yield sys.get_int_max_str_digits, sys.set_int_max_str_digits
    yield partial(locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)
    yield lambda: dict(os.environ), _set_environment
    yield _directory, _set_directory


_REPLACEABLE = (
    (sys, "stdin"), (sys, "stdout"), (sys, "stderr"), (sys, "excepthook"), (sys, "unraisablehook"), (sys, "displayhook"),
    (threading, "excepthook"), (warnings, "showwarning"),
)  # fmt: skip
"""Hooks and streams that user code may replace."""


def _attribute(holder: Any, name: str) -> Callable[[], None]:
    return partial(setattr, holder, name, getattr(holder, name))


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # deleted
        return None


def _set_directory(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _set_environment(variables: dict[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


def _signals() -> Callable[[], None]:
    """Signal handlers, which only the main thread may set, and timers, which must not fire once a handler is gone."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    handlers = {number: _signal.getsignal(number) for number in _SIGNALS}
    timers = [timer for timer in _TIMERS if not signal.getitimer(timer)[0]]

    def undo() -> None:
        for timer in timers:
            if signal.getitimer(timer)[0]:
                signal.setitimer(timer, 0)
        for number, handler in handlers.items():
            if handler is not None and _signal.getsignal(number) is not handler:
                _signal.signal(number, handler)

    return undo


_SIGNALS = sorted(map(int, signal.valid_signals()))
_TIMERS = [getattr(signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)]


def _python() -> Callable[[], None]:
    paths = sys.path
    before, filters = list(paths), list(warnings.filters)

    def undo() -> None:
        sys.path = paths
        if paths != before:
            paths[:] = before
        if warnings.filters != filters:
            warnings.filters[:] = filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]

    return undo
