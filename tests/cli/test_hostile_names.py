"""Names that try to be something else than text, through the whole command line: what is printed is text."""

from __future__ import annotations

import json
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.cli_helpers import Modinspect

pytestmark = pytest.mark.usefixtures("untraced")

HOSTILE = "<script>x</script>[bold]b[/bold]\x1b[31m\x1b]8;;http:x\x07\u202e\u200f\r\n::error::%0A::error::##[error]\x9b2J"
HALF = HOSTILE + "\ud800"
"""With half a character, which classes and functions may not have in their names."""

MODEL = """
import types
import torch
import torch.nn.functional as F
from torch import nn

HOSTILE, HALF = {hostile!r}, {half!r}


class Inner(nn.Module):
    def forward(self, x):
        return torch.relu(x)

    def extra_repr(self):
        return HALF


class Base(nn.Module):
    def __init__(self, *, raises=""):
        super().__init__()
        if raises == "init":
            raise ValueError(HALF)
        self.raises = raises
        self.add_module(HALF.replace(".", ""), type(HOSTILE, (Inner,), {{}})())
        self.lone = [type(HOSTILE, (nn.Linear,), {{}})(4, 4)]
        self._parameters["p" + HALF] = nn.Parameter(torch.rand(3))
        setattr(self, "w" + HALF, torch.rand(4, 4))

    def extra_repr(self):
        return HALF


def forward(self, x):
    x = self.lone[0](self._modules[HALF](F.linear(x, getattr(self, "w" + HALF))))
    if self.raises:
        raise type(HOSTILE, (ValueError,), {{}})(HALF)
    return {{HALF: x, "b": x + 1}}


code = forward.__code__.replace(co_name=HOSTILE, co_filename="f" + HALF + ".py")
Base.forward = types.FunctionType(code, globals())
Net = type(HOSTILE, (Base,), {{"__module__": HALF}})
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL.format(hostile=HOSTILE, half=HALF), encoding="utf-8")
    return "model.py:Net"


def acted_upon(text: str) -> list[str]:
    """The characters that a terminal, and the lines that the log of GitHub Actions would act on."""
    found = [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n"]
    return found + [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


RUNS = {
    "to the end": (["-i", "2,4"], 0),
    "to the end, all shown": (["-i", "2,4", "--expand", "--aten"], 0),
    "not at all": ([], 0),
    "until it raises": (["-i", "2,4", "--init", "raises=forward", "--traceback"], 2),
    "not even built": (["--init", "raises=init", "--traceback"], 2),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ["text", "html"])
def test_the_table_and_the_page_are_text(modinspect: Modinspect, model: str, run: str, name: str) -> None:
    options, code = RUNS[run]
    ran = modinspect("show", model, *options, "--format", name)
    assert ran.code == code
    assert "modinspect itself failed" not in ran.err
    assert acted_upon(ran.out) == acted_upon(ran.err) == []
    assert "\\x1b[31m" in ran.out + ran.err
    if name == "html":
        page = HTMLParser()
        page.handle_starttag = lambda tag, _: tags.append(tag)  # type: ignore[method-assign]
        tags: list[str] = []
        page.feed(ran.out)
        assert "script" not in tags


def test_json_holds_the_names_as_they_are_in_ascii(modinspect: Modinspect, model: str) -> None:
    ran = modinspect("show", model, "-i", "2,4", "--format", "json")
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    report = json.loads(ran.out)
    assert [module["path"] for module in report["modules"]][:2] == ["", HALF]
    assert report["ops"][0]["source"]["file"] == "f" + HALF + ".py"
    assert report["ops"][0]["source"]["code"] is None


@pytest.mark.process
def test_lint_prints_text(modinspect: Modinspect, model: str) -> None:
    for options in (["--select", "MI102,MI103,MI301"], ["--init", "raises=init", "--traceback"]):
        ran = modinspect("lint", model, "-i", "2,4", *options)
        assert ran.code in (1, 2)
        assert acted_upon(ran.out) == acted_upon(ran.err) == []
        assert "\\x1b[31m" in ran.out + ran.err


def test_diff_prints_text(modinspect: Modinspect, model: str) -> None:
    for file, options in (("a.json", []), ("b.json", ["-i", "2,4"]), ("c.json", ["-i", "2,4", "--init", "raises=forward"])):
        modinspect("show", model, *options, "--format", "json", "-o", file)
    for pair in (("a.json", "b.json"), ("b.json", "a.json"), ("b.json", "c.json")):
        ran = modinspect("diff", *pair)
        assert ran.code == 1
        assert ran.err.startswith(f"found: {pair[0]} and {pair[1]} differ: ")
        assert acted_upon(ran.out) == acted_upon(ran.err) == []
        assert "\\x1b[31m" in ran.out


ERRORS = {
    "command": [HALF],
    "option": ["show", "model.py:Net", "--" + HALF],
    "target": ["show", HALF],
    "file": ["show", HALF + ".py:Net"],
    "class": ["show", "model.py:" + HALF],
    "call": ["show", f"model.py:Net({HALF}=1)"],
    "argument": ["show", "model.py:Net", "--init", HALF + "=1"],
    "literal": ["show", "model.py:Net", "--init", "raises=[" + HALF],
    "input": ["show", "model.py:Net", "-i", HALF],
    "input's name": ["show", "model.py:Net", "-i", HALF + "=2,4"],
    "input's type": ["show", "model.py:Net", "-i", "2,4:" + HALF],
    "input's file": ["show", "model.py:Net", "-i", "@" + HALF],
    "input's function": ["show", "model.py:Net", "--input-fn", HALF],
    "device": ["show", "model.py:Net", "-i", "2,4", "--device", HALF],
    "dtype": ["show", "model.py:Net", "-i", "2,4", "--dtype", HALF],
    "format": ["show", "model.py:Net", "--format", HALF],
    "depth": ["show", "model.py:Net", "--depth", HALF],
    "output": ["show", "model.py:Net", "--output", HALF + "/x"],
    "rule": ["explain", HALF],
    "rule to select": ["lint", "model.py:Net", "--select", HALF],
    "target of lint": ["lint", HALF],
    "baseline": ["lint", "model.py:Net", "--baseline", HALF],
    "report": ["diff", HALF, HALF],
}


@pytest.mark.process
@pytest.mark.parametrize("what", ERRORS)
def test_errors_on_the_command_line_are_told_as_text(modinspect: Modinspect, model: str, what: str) -> None:
    ran = modinspect(*ERRORS[what])
    assert ran.code == 2
    assert "modinspect itself failed" not in ran.err
    assert acted_upon(ran.out) == acted_upon(ran.err) == []
    assert "\\x1b[31m" in ran.err or what == "depth"  # typer does not repeat what is no text at all


@pytest.mark.process
@pytest.mark.parametrize(
    "table",
    [
        '[tool.modinspect]\n{name} = 1',
        '[tool.modinspect]\ndevice = {name}',
        '[tool.modinspect]\nselect = [{name}]',
        '[tool.modinspect]\nopaque = {name}',
        '[[tool.modinspect.models]]\ntarget = {name}\ninput = {name}',
        '[[tool.modinspect.models]]\ntarget = "model:Net"\n{name} = 1',
        '[tool.modinspect.ignores]\n{name} = [{name}]',
        '[tool.modinspect\n{name}',
    ],
)  # fmt: skip
def test_errors_in_the_configuration_are_told_as_text(modinspect: Modinspect, model: str, table: str) -> None:
    Path("pyproject.toml").write_text(table.format(name=json.dumps(HOSTILE)), encoding="utf-8")
    ran = modinspect("lint")
    assert ran.code == 2
    assert "modinspect itself failed" not in ran.err
    assert acted_upon(ran.out) == acted_upon(ran.err) == []
