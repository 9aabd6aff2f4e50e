"""Inputs from files: tensors and containers of tensors. Nothing here unpickles code."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from modinspect.errors import InputError
from modinspect.target import what_it_is
from modinspect.wording import did_you_mean, printable, sentences


def load_file(path: str) -> Any:
    """Loads a tensor, or a container of tensors, onto the CPU.

    Raises:
        InputError: the file doesn't exist, has another format, is broken, or would run code.
    """
    suffix = os.path.splitext(path)[1].lower()
    if not os.path.isfile(path):
        raise _no_file(path)
    if suffix not in LOADERS:
        raise InputError(f"{path!r} has a format that can't be an input", f"Formats: {', '.join(LOADERS)}.")
    try:
        value = LOADERS[suffix](path)
    except InputError:
        raise
    except Exception as error:  # readers raise anything on a broken file
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(
            f"{path!r} can't be read as {suffix}: {reason}", "Is the file complete, and of that format?"
        ) from error
    if not _holds_tensors(value):
        raise InputError(f"{path!r} holds {what_it_is(value)}, not a tensor", "Save a tensor, or a list or dict of them.")
    return value


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return any(map(_holds_tensors, value)) if isinstance(value, (list, tuple)) else isinstance(value, Tensor)


def _torch(path: str) -> Any:
    if _is_script(path):
        raise InputError(
            f"{path!r} is a TorchScript model, not tensors", "Save tensors, or lists and dicts of them, with torch.save."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning about the pickle precedes the error
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        message = f"{path!r} can't be read as plain tensors: it would run code, or it is broken"
        hint = "Save tensors, or lists and dicts of them. A file that you trust can be loaded in a function: --input-fn."
        raise InputError(message, hint) from error


def _is_script(path: str) -> bool:
    """Whether ``torch.jit.save`` wrote it: ``torch.load`` would hand it on to ``torch.jit.load``."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())


def _numpy(path: str) -> Tensor:
    try:
        import numpy as np
    except ImportError as error:
        raise InputError(f"reading {path!r} needs numpy, which is not installed", "pip install numpy") from error
    with open(path, "rb") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
    if array.dtype.kind not in "fiubc":
        raise InputError(f"{path!r} holds {array.dtype} values, which no tensor can have", "Save numbers or booleans.")
    native = array.astype(array.dtype.newbyteorder("="))
    return torch.from_numpy(native)


def _safetensors(path: str) -> Any:
    try:
        from safetensors.torch import load_file as load_safetensors
    except ImportError as error:
        raise InputError(
            f"reading {path!r} needs safetensors, which is not installed", "pip install 'modinspect[safetensors]'"
        ) from error
    tensors = load_safetensors(path)  # onto the CPU
    if not tensors:
        raise InputError(f"{path!r} holds no tensor", "Save at least one.")
    return next(iter(tensors.values())) if len(tensors) == 1 else tensors


def _no_file(path: str) -> InputError:
    if os.path.isdir(path):
        return InputError(f"{path!r} is a directory", "Name a file in it.")
    stem, _, after = path.rpartition(":")
    if os.path.isfile(stem):
        return InputError(
            f"there is no file {path!r}", f"A file takes no dtype or fill: @{printable(stem)}, without {f':{after}'!r}."
        )
    directory = os.path.dirname(path)
    try:
        close = did_you_mean(path, [os.path.join(directory, entry) for entry in os.listdir(directory or ".")])
    except (OSError, ValueError):
        close = f"There is no directory {directory!r} either." if directory else ""
    return InputError(f"there is no file {path!r}", sentences(close, "Paths start at the working directory."))


LOADERS: dict[str, Callable[[str], Any]] = {".pt": _torch, ".pth": _torch, ".npy": _numpy, ".safetensors": _safetensors}
"""How each kind of file is read, by its suffix."""
