"""Wrong command lines: exit code 2, one message that says what is wrong and what would work, no traceback."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from modinspect.cli.app import COMMANDS
from modinspect.cli.complete import rule_ids
from modinspect.render import REPORT_FORMATS, formats_help
from tests.cli.cli_helpers import Modinspect, Ran

EXAMPLE = "modinspect.examples.MyModel"

WRONG = {
    # what was typed: (what the message names, what the hint offers)
    "shwo x.Y": ("'shwo'", "'show'"),
    "explode": ("'explode'", "modinspect --help"),
    "modinspect.examples.MyModel": ("'modinspect.examples.MyModel'", "modinspect show modinspect.examples.MyModel"),
    "--verison": ("--verison", "'--version'"),
    "--quiet": ("--quiet", "--help"),
    "show": ("'TARGET'", "modinspect show --help"),
    "show x.Y --inptu 1,10": ("--inptu", "'--input'"),
    "show x.Y --input": ("'--input'", "--help"),
    "show x.Y 1,10": ("(1,10)", "--input 1,10"),
    "show x.Y --format xml": ("'xml' is not one of 'text', 'json'", "--help"),
    "show x.Y --ops some": ("'some' is not one of 'all', 'compute', 'none'", "--help"),
    "show x.Y --depth two": ("'--depth'", "--help"),
    "show x.Y --depth -1": ("'--depth'", "--help"),
    "show x.Y --train=yes": ("'--train'", "--help"),
    "show x.Y --output=": ("--output is empty", "standard output"),
    "show x.Y --output no/such/directory/file.txt": ("no directory", "Create it first"),
    "show x.Y --output /": ("is a directory", "Name a file"),
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_one_message(modinspect: Modinspect, line: str) -> None:
    names, offers = WRONG[line]
    ran = modinspect(*line.split())
    assert ran.code == 2
    assert ran.out == ""
    message, hint = ran.err.splitlines()
    assert message.startswith("error: ")
    assert names in message
    assert hint.startswith("hint: ") or offers in message
    assert offers in ran.err


WRONG_MODELS = {
    "show nosuchpackage.Model": "nosuchpackage",
    "show modinspect.examples.MyModle": "'MyModel'",
    "show modinspect.examples": "MyModel",
    "show no/such/file.py:Net": "no/such/file.py",
    "show modinspect.examples.MyModel(1": "MyModel(1",
    "show modinspect.examples.MyModel --init width": "KEY=VALUE",
    "show modinspect.examples.MyModel --init width=64": "width",
    "show modinspect.examples.MyModel --input one,ten": "one",
    "show modinspect.examples.MyModel --input 1,10 --input 1,10": "forward",
    "show modinspect.examples.MyModel --input y=1,10": "y",
    "show modinspect.examples.MyModel --input @no-such-file.pt": "no-such-file.pt",
    "show modinspect.examples.MyModel --input-fn no.such:make": "no",
    "show modinspect.examples.MyModel --input-fn=": "--input-fn: the target is empty",
    "show modinspect.examples.MyModel --input 1,10 --device toaster": "toaster",
    "show modinspect.examples.MyModel --input 1,10 --device meta": "--device weightless",
    "show modinspect.examples.MyModel --input 1,10 --device auto:cuda": "'auto:cuda'",
    "show modinspect.examples.MyModel --input 1,10 --device=": "''",
    "show modinspect.examples.MyModel --input 1,10 --dtype float17": "float17",
}


@pytest.mark.parametrize("line", WRONG_MODELS)
def test_a_target_or_an_input_that_cannot_be_made_is_one_message(modinspect: Modinspect, line: str) -> None:
    ran = modinspect(*line.split())
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert WRONG_MODELS[line] in ran.err
    assert "Traceback" not in ran.err
    assert "modinspect itself failed" not in ran.err


def test_nothing_at_all_prints_the_help(modinspect: Modinspect) -> None:
    ran = modinspect()
    assert ran.code == 2
    assert "Usage: modinspect" in ran.out
    assert f"modinspect show {EXAMPLE} --input 1,10" in ran.out


def test_the_list_of_commands_says_what_their_own_help_says(modinspect: Modinspect) -> None:
    listed = modinspect("--help").out
    for name, summary in COMMANDS.items():
        command = getattr(import_module(f"modinspect.cli.{name}"), name)
        assert command.__doc__.splitlines()[0] == summary
        assert f" {name} " in listed


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_examples(modinspect: Modinspect, command: str) -> None:
    ran = modinspect(command, "--help")
    assert ran.code == 0
    assert f" modinspect {command} " in ran.out.partition("Examples")[2]


def test_a_command_is_found_behind_the_end_of_options(modinspect: Modinspect) -> None:
    assert "MyModel" in modinspect("--", "show", EXAMPLE).out


def test_the_help_of_show_has_examples_and_every_option(modinspect: Modinspect) -> None:
    ran = modinspect("show", "--help")
    assert ran.code == 0
    assert f"modinspect show {EXAMPLE} --input 1,10" in ran.out
    assert "[name=]DIMS[:dtype][:fill]" in ran.out
    for option in (
        *("--input", "--input-fn", "--init", "--device", "--dtype", "--train", "--grad", "--opaque", "--depth", "--expand"),
        *("--ops", "--aten", "--format", "--output", "--traceback"),
    ):
        assert option in ran.out


def test_the_options_that_people_need_first_come_first_each_in_one_line(
    modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = modinspect("show", "--help").out
    lines = [line.strip("│ ") for line in text.partition("─ Options")[2].splitlines()[1:] if line.startswith("│")]
    first = [line.split()[0] for line in lines if line.startswith("--")]
    assert first[:5] == ["--input", "--init", "--depth", "--format", "--output"]
    broken = [line for line in lines if not line.startswith("--")]
    assert len(broken) <= len(formats_help(REPORT_FORMATS)) // 45 + 1  # only the list of formats takes several lines


def test_rule_ids_complete_in_the_shell() -> None:
    assert rule_ids("mi10")[0] == ("MI101", "functional-has-module")
    assert {id_ for id_, _ in rule_ids("MI101,MI30")} == {"MI101,MI301", "MI101,MI302", "MI101,MI303", "MI101,MI304"}
    assert rule_ids("XX") == []


def test_the_version(modinspect: Modinspect) -> None:
    assert modinspect("--version") == Ran(0, "modinspect 0.1.0\n", "")


@pytest.mark.parametrize("seconds", ["inf", "1e30"])
def test_more_time_than_a_clock_can_count_is_no_limit(modinspect: Modinspect, seconds: str) -> None:
    assert modinspect("show", EXAMPLE, "--input", "1,10", "--timeout", seconds).code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_fits_80_columns_and_breaks_no_word_for_a_value(
    modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = modinspect(command, "--help").out
    assert max(map(len, text.splitlines())) <= 80
    module = import_module(f"modinspect.cli.{command}")
    files = [Path(str(module.__file__)), Path(str(module.__file__)).with_name("options.py")]
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    values = [value for option, value in re.findall(r'"(--[\w-]+)",[^)]*?metavar="([^"]+)"', code) if f" {option} " in text]
    assert values
    assert [value for value in values if f" {value} " not in text] == []
    # What typer says of its own --help is its affair, and differs between its versions.
    flags = [line for line in text.splitlines() if re.search(r"<bool>|BOOLEAN", line)]
    assert [line for line in flags if "--help" not in line] == []
