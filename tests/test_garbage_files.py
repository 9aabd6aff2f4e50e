"""Files that hold anything: what they should be is read, all else is an error that says so, and nothing else is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modinspect.comparison import diff
from modinspect.config import Config, read_config
from modinspect.errors import ConfigError, ReportError
from modinspect.findings import read_baseline
from modinspect.report import Report

pytestmark = pytest.mark.slow

FAST = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def saved() -> dict[str, Any]:
    """A report with a bit of everything."""
    from modinspect import inspect_target

    return inspect_target("modinspect.examples.MyModel", ["1,10"]).to_dict()


def replaced(data: Any, path: list[str | int], value: object) -> Any:
    """``data`` with what is at ``path`` replaced."""
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = replaced(data[path[0]], path[1:], value)
    return copy


def damaged(data: Any, path: list[int], value: Any) -> Any:
    """``data`` with what is at ``path`` replaced; the numbers of the path pick the keys."""
    if not path or not isinstance(data, dict | list) or not data:
        return value
    keys = list(data) if isinstance(data, dict) else range(len(data))
    key = keys[path[0] % len(keys)]
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[key] = damaged(data[key], path[1:], value)
    return copy


@FAST
@given(JSON)
def test_any_data_is_a_report_or_said_to_be_none(data: object) -> None:
    with pytest.raises(ReportError):
        Report.from_dict(data)


@FAST
@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), JSON)
def test_a_damaged_report_is_read_or_said_to_be_wrong(saved: dict[str, Any], path: list[int], value: object) -> None:
    data = damaged(saved, path, value)
    try:
        report = Report.from_dict(data)
    except ReportError:
        return
    # what was read can be shown, compared and written
    assert str(report)
    assert diff(report, report).changes == ()
    assert json.loads(json.dumps(report.to_dict())) is not None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["ops"], [], r"\$\.calls\[0\]\.stop"),
        (["ops", 0, "index"], 7, r"\$\.ops\[0\]\.index"),
        (["calls", 0, "index"], -1, r"\$\.calls\[0\]\.index"),
        (["calls", 0, "parent"], 0, r"\$\.calls\[0\]\.parent"),
        (["calls", 1, "parent"], 2, r"\$\.calls\[1\]\.parent"),
        (["calls", 1, "start"], -1, r"\$\.calls\[1\]\.start"),
        (["calls", 1, "stop"], 10**6, r"\$\.calls\[1\]\.stop"),
    ],
)
def test_places_that_are_not_there_are_said_to_be_wrong(
    saved: dict[str, Any], path: list[str | int], value: object, message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        Report.from_dict(replaced(saved, path, value))


@pytest.mark.parametrize("origin", ["op:²", "op:-1", "op:", "unregistered:99", "op:" + "9" * 5000, "input:٣", "x:1", ""])
def test_an_origin_that_leads_nowhere_is_shown_as_it_stands(saved: dict[str, Any], origin: str) -> None:
    report = Report.from_dict(replaced(saved, ["ops", -1, "inputs", 0, "from"], origin))
    assert str(report)
    assert diff(report, report).changes == ()


@FAST
@given(st.binary(max_size=40) | JSON.map(lambda data: json.dumps(data).encode()))
def test_any_file_is_a_baseline_or_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="baseline"):
        read_baseline(str(file))


@FAST
@given(JSON, st.integers(0, 1) | JSON)
def test_any_entries_of_a_baseline_are_read_or_said_to_be_wrong(tmp_path: Path, entry: object, version: object) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({"schema_version": version, "findings": [entry]}))
    with pytest.raises(ConfigError, match="baseline"):
        read_baseline(str(file))


TOML = st.sampled_from([
    "[tool.modinspect]\n", "[[tool.modinspect.models]]\n", "tool = 1\n", "target = ", "jobs = ", "timeout = ", "'a.b:C'\n",
    "-1\n", "1e999\n", "nan\n", "[", "]", "\n", "[tool.modinspect.severity]\n", "MI103 = 'error'\n", "= {}\n",
    "x = 1979-05-27T07:32:00Z\n",
])  # fmt: skip


@FAST
@given(st.binary(max_size=30) | st.lists(TOML, max_size=6).map(lambda parts: "".join(parts).encode()))
def test_any_file_is_a_configuration_or_said_to_be_wrong(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    try:
        config = read_config(str(tmp_path))
    except ConfigError:
        return
    assert isinstance(config, Config)


@pytest.mark.parametrize("content", ["[" * 200_000, '{"a":' * 200_000, "\ufeff{}", '{"schema_version": 1' + "0" * 5000 + "}"])
def test_odd_json_is_no_baseline(tmp_path: Path, content: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(content)
    with pytest.raises(ConfigError):
        read_baseline(str(file))
