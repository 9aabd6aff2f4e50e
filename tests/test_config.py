from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modinspect.config import Config, Model, RunOptions, parse_config, read_config
from modinspect.errors import ConfigError

WHOLE = """
[tool.modinspect]
input = ["1,10", "mask=1,10:bool:ones"]
device = "cpu"
dtype = "bfloat16"
train = true
grad = false
opaque = ["timm.layers.*"]
select = ["MI1"]
ignore = ["MI101"]
fail-on = "error"
include-installed = true
jobs = 2
timeout = 60
baseline = "lint-baseline.json"

[tool.modinspect.severity]
MI104 = "info"

[tool.modinspect.per-target-ignores]
"pkg.old:*" = ["MI3", "MI401"]

[[tool.modinspect.models]]
target = "pkg.mod:Net"
init = { width = 64 }
input = "1,3,8,8"
ignore = ["MI501"]

[[tool.modinspect.models]]
target = "pkg.mod:Text"
input-fn = "pkg.mod:make"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pyproject.toml"


def test_every_key_is_read(project: Path) -> None:
    project.write_text(WHOLE)
    assert read_config() == Config(
        how=RunOptions(("1,10", "mask=1,10:bool:ones"), None, "cpu", "bfloat16", True, False),
        opaque=("timm.layers.*",),
        select=("MI1",),
        ignore=("MI101",),
        fail_on="error",
        include_installed=True,
        jobs=2,
        timeout=60.0,
        baseline="lint-baseline.json",
        severity={"MI104": "info"},
        ignores={"pkg.old:*": ("MI3", "MI401")},
        models=(
            Model("pkg.mod:Net", RunOptions(("1,3,8,8",)), {"width": 64}, ("MI501",)),
            Model("pkg.mod:Text", RunOptions(input_fn="pkg.mod:make")),
        ),
    )


def test_no_file_and_no_table_say_nothing(project: Path) -> None:
    assert read_config() == Config()
    project.write_text("[tool.other]\nkey = 1\n")
    assert read_config() == Config()


@pytest.mark.parametrize(
    ("toml", "named", "hint"),
    [
        ("[tool.modinspect]\ninptu = []", "no key 'inptu'", "Did you mean 'input'?"),
        ("[tool.modinspect]\nfail_on = 'error'", "no key 'fail_on'", "Did you mean 'fail-on'?"),
        ("[tool.modinspect]\nzzzzzz = 1", "no key 'zzzzzz'", "Known keys: baseline, device"),
        ("[[tool.modinspect.models]]\ntarget = 'a:B'\ninputs = []", "no key 'inputs'", "Did you mean 'input'"),
        ("[[tool.modinspect.models]]\ninput = []", "has no target", "Add target"),
        ("[tool.modinspect.models]\ntarget = 'a:B'", "should be a list of tables", "[[tool.modinspect.models]]"),
        ("[tool.modinspect]\ninput = [1, 10]", "input in pyproject.toml should be a list of strings", ""),
        ("[tool.modinspect]\ninput = ''", "should be a string", ""),
        ("[tool.modinspect]\ntrain = 'yes'", "train in pyproject.toml should be true or false, found 'yes'", ""),
        ("[tool.modinspect]\njobs = 0", "a whole number of at least 1, found 0", ""),
        ("[tool.modinspect]\njobs = true", "a whole number of at least 1, found True", ""),
        ("[tool.modinspect]\ntimeout = -1", "a number of seconds", ""),
        ("[tool.modinspect]\ntimeout = nan", "a number of seconds", ""),
        ("[tool.modinspect]\ntimeout = inf", "a number of seconds", ""),
        ("[tool.modinspect]\nfail-on = 'never'", "one of error, warning, info, found 'never'", ""),
        ("[tool.modinspect]\nfail-on = ['error']", "one of error, warning, info", ""),
        ("[tool.modinspect.severity]\nMI101 = 'fatal'", "severity.MI101 in pyproject.toml should be one of", ""),
        ("[tool.modinspect.per-target-ignores]\n'a:*' = 3", "per-target-ignores.a:* in pyproject.toml", ""),
        ("[tool]\nmodinspect = 3", "tool.modinspect in pyproject.toml should be a table, found 3", ""),
        ("tool = 3", "tool in pyproject.toml should be a table", ""),
        ("[tool.modinspect\n", "'pyproject.toml' isn't valid TOML", ""),
        ("x = " + "[" * 100_000, "'pyproject.toml' isn't valid TOML", ""),
    ],
)
def test_what_is_wrong_is_named(project: Path, toml: str, named: str, hint: str) -> None:
    project.write_text(toml)
    with pytest.raises(ConfigError) as raised:
        read_config()
    assert named in raised.value.message
    assert hint in raised.value.hint


def test_bytes_that_are_no_text_are_no_toml(project: Path) -> None:
    project.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="isn't valid TOML"):
        read_config()


def test_a_file_that_may_not_be_read_is_said_to_be_unreadable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    project.write_text("")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ConfigError, match="Permission denied"):
        read_config()


def test_what_a_model_says_of_itself_comes_before_the_defaults() -> None:
    default = RunOptions(("1,10",), None, "cpu", "float16", train=True, grad=False)
    assert RunOptions().over(default) == default
    assert RunOptions(("2,3",), device="weightless").over(default) == RunOptions(
        ("2,3",), None, "weightless", "float16", True, False
    )
    assert RunOptions(train=False).over(default).train is False


def test_inputs_stand_for_an_input_function_and_the_other_way_round() -> None:
    assert RunOptions(input_fn="pkg:make").over(RunOptions(("1,10",))) == RunOptions((), "pkg:make")
    assert RunOptions(input_fn="").over(RunOptions(("1,10",))) == RunOptions(
        (), ""
    )  # an unset variable of the shell is no reason to take another
    assert RunOptions(("1,10",)).over(RunOptions((), "pkg:make")) == RunOptions(("1,10",))


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keys = st.sampled_from(["input", "models", "severity", "per-target-ignores", "timeout", "jobs", "fail-on", "opaque", "target"])
tables = st.dictionaries(keys | st.text(max_size=9), values | st.lists(values, max_size=3), max_size=3)


@pytest.mark.slow
@given(st.dictionaries(keys, values | tables | st.lists(tables, max_size=2), max_size=3))
def test_any_table_is_read_or_said_to_be_wrong(table: dict[str, object]) -> None:
    try:
        config = parse_config(table)
    except ConfigError:
        return
    assert isinstance(config, Config)


def test_the_table_is_looked_for_upwards_and_its_files_are_seen_from_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_text(
        """
        [tool.modinspect]
        baseline = "lint.json"
        input = ["@data/x.pt", "mask=@data/m.pt", "1,10"]
        input-fn = "build.py:make(3)"

        [[tool.modinspect.models]]
        target = "models/net.py:Net(path='a.py')"

        [[tool.modinspect.models]]
        target = "pkg.mod:Net"
        input = "ids=1,2"
        """
    )
    below = project.parent / "models" / "deep"
    below.mkdir(parents=True)
    (below.parent / "pyproject.toml").write_text("[tool.other]\n")
    monkeypatch.chdir(below)
    config = read_config()
    assert config.directories == (str(project.parent),)
    assert config.baseline == "../../lint.json"
    assert config.how.inputs == ("@../../data/x.pt", "mask=@../../data/m.pt", "1,10")
    assert config.how.input_fn == "../../build.py:make(3)"
    assert [model.target for model in config.models] == ["../net.py:Net(path='a.py')", "pkg.mod:Net"]
    assert config.model("../net.py:Net(path='a.py')").target == config.models[0].target


def test_the_closest_table_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write_text("[tool.modinspect]\njobs = 1\n")
    (project.parent / "sub").mkdir()
    (project.parent / "sub" / "pyproject.toml").write_text("[tool.modinspect]\njobs = 2\n")
    monkeypatch.chdir(project.parent / "sub")
    assert (read_config().jobs, read_config().directories) == (2, ())
