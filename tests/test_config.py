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
        ("[tool.modinspect]\nzzzzzz = 1", "no key 'zzzzzz'", "Known keys: arg, baseline, device"),
        ("[[tool.modinspect.models]]\ntarget = 'a:B'\ninputs = []", "no key 'inputs'", "Did you mean 'input'"),
        ("[[tool.modinspect.models]]\ninput = []", "missing required field `target`", "Each model has a target"),
        (
            "[tool.modinspect.models]\ntarget = 'a:B'",
            "tool.modinspect.models in pyproject.toml: expected `array`, got `object`",
            "",
        ),
        ("[tool.modinspect]\ninput = [1, 10]", "tool.modinspect.input[0] in pyproject.toml: expected `str`, got `int`", ""),
        ("[tool.modinspect]\ninput = ''", "tool.modinspect.input in pyproject.toml: expected `str` of length >= 1", ""),
        ("[tool.modinspect]\ntrain = 'yes'", "tool.modinspect.train in pyproject.toml: expected `bool | null`, got `str`", ""),
        ("[tool.modinspect]\njobs = 0", "tool.modinspect.jobs in pyproject.toml: expected `int` >= 1", ""),
        ("[tool.modinspect]\njobs = true", "tool.modinspect.jobs in pyproject.toml: expected `int | null`, got `bool`", ""),
        ("[tool.modinspect]\ntimeout = -1", "timeout in pyproject.toml: expected `float` >= 0", ""),
        ("[tool.modinspect]\ntimeout = nan", "timeout in pyproject.toml: expected `float`", ""),
        ("[tool.modinspect]\ntimeout = inf", "timeout in pyproject.toml: expected `float` <= 1000000000", ""),
        (
            "[tool.modinspect]\nfail-on = 'never'",
            "fail-on in pyproject.toml: invalid enum value",
            "One of error, warning, info.",
        ),
        ("[tool.modinspect]\nfail-on = ['error']", "fail-on in pyproject.toml: expected `str | null`, got `array`", ""),
        (
            "[tool.modinspect.severity]\nMI101 = 'fatal'",
            "severity.MI101 in pyproject.toml: invalid enum value 'fatal'",
            "One of error, warning, info.",
        ),
        (
            "[tool.modinspect.per-target-ignores]\n'a:*' = 3",
            "per-target-ignores.a:* in pyproject.toml: expected `str | array`, got `int`",
            "",
        ),
        ("[tool]\nmodinspect = 3", "tool.modinspect in pyproject.toml: expected `object`, got `int`", ""),
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
