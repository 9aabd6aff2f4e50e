"""Inputs from files."""

import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modinspect.errors import InputError
from modinspect.inputs import (
    make_inputs,
)
from modinspect.inputs.files import LOADERS, load_file
from tests.inputs.input_helpers import Free, Net, error, made, tensor


def test_a_torch_file_gives_what_is_in_it(folder):
    torch.save({"a": torch.ones(2), "b": [torch.zeros(1, dtype=torch.int64)]}, "batch.pt")
    torch.save(torch.arange(3), "a=b:c,d.pth")
    batch = tensor("@batch.pt")
    assert torch.equal(batch["a"], torch.ones(2))
    assert batch["b"][0].dtype is torch.int64
    assert torch.equal(made("x=@a=b:c,d.pth").kwargs["x"], torch.arange(3))
    assert make_inputs(["@batch.pt"], model=Free(), device="meta").args[0]["b"][0].device.type == "meta"


class Payload:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_torch_file_never_runs_code(folder):
    torch.save(Payload(), "evil.pt")
    wrong = error("@evil.pt")
    assert wrong.message == "'evil.pt' can't be read as plain tensors: it would run code, or it is broken"
    assert "--input-fn" in wrong.hint
    torch.jit.script(nn.ReLU()).save("model.pt")
    assert error("@model.pt").message == "'model.pt' is a TorchScript model, not tensors"
    assert not (folder / "ran").exists()


def test_a_numpy_file_gives_its_array(folder):
    np.save("x.npy", np.arange(3, dtype=">i2"))
    assert torch.equal(tensor("@x.npy"), torch.arange(3, dtype=torch.int16))
    np.save("scalar.npy", np.float64(0.5))
    assert tensor("@scalar.npy").item() == 0.5


def test_a_numpy_file_never_runs_code(folder):
    np.save("objects.npy", np.array([Payload()], dtype=object))
    assert "allow_pickle=False" in error("@objects.npy").message
    np.save("strings.npy", np.array(["a"]))
    assert "<U1 values" in error("@strings.npy").message
    np.savez("several.npz", a=np.ones(1))
    os.rename("several.npz", "several.npy")
    assert "magic string" in error("@several.npy").message
    assert not (folder / "ran").exists()


def test_a_safetensors_file_gives_its_tensor_or_all_by_name(folder):
    save_file({"w": torch.ones(2)}, "one.safetensors")
    save_file({"w": torch.ones(2), "v": torch.zeros(1)}, "two.safetensors")
    save_file({}, "none.safetensors")
    assert torch.equal(tensor("@one.safetensors"), torch.ones(2))
    assert {name: value.shape for name, value in tensor("@two.safetensors").items()} == {"w": (2,), "v": (1,)}
    assert error("@none.safetensors").message == "'none.safetensors' holds no tensor"
    assert error("@none.safetensors").hint == "Save at least one."


def test_a_missing_reader_is_named_with_how_to_get_it(folder, monkeypatch):
    save_file({"w": torch.ones(2)}, "x.safetensors")
    np.save("x.npy", np.ones(2))
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    monkeypatch.setitem(sys.modules, "numpy", None)
    for name, package, hint in [
        ("x.safetensors", "safetensors", "pip install 'modinspect[safetensors]'"),
        ("x.npy", "numpy", "pip install numpy"),
    ]:
        wrong = error(f"@{name}")
        assert wrong.message == f"reading '{name}' needs {package}, which is not installed"
        assert wrong.hint == hint


@pytest.mark.parametrize(("value", "what"), [("x", "a str ('x')"), (None, "None"), ({"a": [3]}, "a dict"), ([], "a list")])
def test_a_torch_file_without_a_tensor_is_said(folder, value, what):
    torch.save(value, "x.pt")
    wrong = error("@x.pt")
    assert wrong.message == f"'x.pt' holds {what}, not a tensor"
    assert wrong.hint == "Save a tensor, or a list or dict of them."


@pytest.mark.parametrize("value", [{"a": {"b": (torch.ones(1), 3)}}, [[], [torch.ones(1)]], [3, torch.ones(1)]])
def test_a_torch_file_with_a_tensor_somewhere_is_an_input(folder, value):
    torch.save(value, "x.pt")
    assert type(load_file("x.pt")) is type(value)


def test_a_refused_torch_file_is_one_message(folder, recwarn):
    Path("x.pt").write_bytes(pickle.dumps(Net(), protocol=4))
    assert "it would run code" in error("@x.pt").message
    assert not recwarn.list


def test_what_is_no_whole_file_of_a_known_kind_is_said(folder):
    np.save("x.npy", np.ones(2))
    for suffix in ("pt", "npy", "safetensors"):
        Path(f"broken.{suffix}").write_bytes(b"abc")
        Path(f"empty.{suffix}").write_bytes(b"")
        for state in ("broken", "empty"):
            wrong = error(f"@{state}.{suffix}")
            assert f"'{state}.{suffix}'" in wrong.message
            assert "\n" not in wrong.message
            assert wrong.message.startswith(f"'{state}.{suffix}' ")
            assert wrong.hint == "Is the file complete, and of that format?"
    assert "\x1b" not in str(error("@\x1b.npy"))
    assert "\x1b" not in str(error("@x.npy:\x1b"))


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("x.csv", "'x.csv' has a format that can't be an input", "Formats: .pt, .pth, .npy, .safetensors."),
        ("sub", "'sub' is a directory", "Name a file in it."),
        ("y.npy", "there is no file 'y.npy'", "Did you mean 'x.npy'? Paths start at the working directory."),
        ("sub/y.npy", "there is no file 'sub/y.npy'", "Did you mean 'sub/x.npy'? Paths start at the working directory."),
        ("q.zip", "there is no file 'q.zip'", "Paths start at the working directory."),
        ("q:zip", "there is no file 'q:zip'", "Paths start at the working directory."),
        ("x.npy:f32", "there is no file 'x.npy:f32'", "A file takes no dtype or fill: @x.npy, without ':f32'."),
        ("a:b.npy:f32", "there is no file 'a:b.npy:f32'", "A file takes no dtype or fill: @a:b.npy, without ':f32'."),
        ("no/x.npy", "there is no file 'no/x.npy'", "There is no directory 'no' either. Paths start at the working directory."),
        (
            "\0/x.npy",
            r"there is no file '\x00/x.npy'",
            r"There is no directory '\x00' either. Paths start at the working directory.",
        ),
    ],
)
def test_a_file_that_is_not_there_or_of_another_kind_is_said_with_what_may_be_meant(folder, path, message, hint):
    Path("x.csv").write_text("1")
    Path("sub").mkdir()
    for name in ("x.npy", "a:b.npy", "sub/x.npy"):
        np.save(name, np.ones(2))
    with pytest.raises(InputError) as caught:
        load_file(path)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_working_directory_that_can_not_be_listed_is_not_said_to_be_missing(folder, monkeypatch):
    def refused(path):
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", refused)
    wrong = error("@x.npy")
    assert wrong.message == "there is no file 'x.npy'"
    assert wrong.hint == "Paths start at the working directory."


def test_the_kind_of_a_file_is_told_by_its_suffix_in_any_case(folder):
    with open("X.NPY", "wb") as file:
        np.save(file, np.ones(2))
    assert load_file("X.NPY").shape == (2,)


@pytest.mark.parametrize(
    ("raised", "reason"), [(ValueError("odd\nand long"), "odd"), (EOFError(), "EOFError"), (InputError("said"), None)]
)
def test_what_a_reader_raises_is_told_in_a_line(folder, monkeypatch, raised, reason):
    def reader(path):
        raise raised

    monkeypatch.setitem(LOADERS, ".npy", reader)
    Path("x.npy").touch()
    with pytest.raises(InputError) as caught:
        load_file("x.npy")
    if reason is None:
        assert caught.value is raised
    else:
        assert caught.value.message == f"'x.npy' can't be read as .npy: {reason}"
        assert caught.value.hint == "Is the file complete, and of that format?"


def test_torch_files_are_read_without_code_to_the_cpu(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "load", lambda path, **options: asked.append((path, options)) or torch.ones(1))
    Path("x.pt").touch()
    load_file("x.pt")
    assert asked == [("x.pt", {"map_location": "cpu", "weights_only": True})]


def test_a_zip_file_is_a_script_only_where_it_holds_constants(folder):
    for name, message in [("a/b/constants.pkl", "TorchScript model"), ("constants.pkl.txt", "can't be read as .pt")]:
        with zipfile.ZipFile("x.pt", "w") as archive:
            archive.writestr("data/version", "3")
            archive.writestr(name, "")
        wrong = error("@x.pt")
        assert message in wrong.message
        if name == "a/b/constants.pkl":
            assert wrong.hint == "Save tensors, or lists and dicts of them, with torch.save."


@pytest.mark.parametrize("dtype", ["float16", "int32", "uint8", "bool", "complex64"])
def test_a_numpy_file_of_numbers_or_booleans_can_be_read(folder, dtype):
    np.save("x.npy", np.ones(2, dtype=dtype))
    assert load_file("x.npy").dtype is getattr(torch, dtype)


@pytest.mark.parametrize("dtype", ["S1", "M8[D]", "m8[D]", "V2", [("a", "f4")]])
def test_a_numpy_file_of_something_else_is_refused(folder, dtype):
    np.save("x.npy", np.zeros(2, dtype=dtype))
    wrong = error("@x.npy")
    assert wrong.message == f"'x.npy' holds {np.dtype(dtype)} values, which no tensor can have"
    assert wrong.hint == "Save numbers or booleans."
