"""The table ``[tool.modinspect]`` of ``pyproject.toml``: what the command line need not say each time.

    [tool.modinspect]
    input = ["1,3,224,224"]
    fail-on = "error"

    [[tool.modinspect.models]]
    target = "pkg.mod:Net(width=64)"

The table is in the working directory, or in the closest directory above it whose ``pyproject.toml`` has one. Its files are
relative to that directory, from which listed models can be imported too. An unknown key is an error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from modinspect.errors import ConfigError
from modinspect.wording import did_you_mean, listed, sentences

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # docs/decisions/0004-tomli.md

FILE = "pyproject.toml"
TABLE = "tool.modinspect"

Severity: TypeAlias = Literal["error", "warning", "info"]

_SEVERITIES = ("error", "warning", "info")
_FILE_TARGET = re.compile(r"[^:()'\"]*\.py(?=[:(]|$)")
"""The file of a target such as ``models/net.py:Net``."""


@dataclass(frozen=True)
class RunOptions:
    """How a model is run; ``None`` and ``()`` where nothing was said."""

    inputs: tuple[str, ...] = ()
    input_fn: str | None = None
    device: str | None = None
    dtype: str | None = None
    train: bool | None = None
    grad: bool | None = None

    def over(self, default: RunOptions) -> RunOptions:
        """``default`` where this says nothing; inputs and an input function stand for each other."""
        fed = bool(self.inputs) or self.input_fn is not None
        return RunOptions(
            self.inputs if fed else default.inputs,
            self.input_fn if fed else default.input_fn,
            _first(self.device, default.device),
            _first(self.dtype, default.dtype),
            _first(self.train, default.train),
            _first(self.grad, default.grad),
        )


@dataclass(frozen=True)
class Model:
    """One of the project's models; ``ignore`` are ids of rules, or how they begin."""

    target: str
    how: RunOptions = RunOptions()
    init: Mapping[str, Any] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """What ``[tool.modinspect]`` says; ``None`` and empty where it says nothing.

    ``ignores`` are the rules to ignore for targets that match a glob, ``severity`` is what the findings of a rule count as.
    """

    how: RunOptions = RunOptions()
    opaque: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: Severity | None = None
    include_installed: bool | None = None
    jobs: int | None = None
    timeout: float | None = None
    baseline: str | None = None
    severity: Mapping[str, Severity] = field(default_factory=dict)
    ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    models: tuple[Model, ...] = ()
    directory: str = ""
    """Where the file is; empty for the working directory, or without a file."""

    @property
    def directories(self) -> tuple[str, ...]:
        """What has to be importable besides the working directory."""
        return (self.directory,) if self.directory else ()

    def model(self, target: str) -> Model:
        """The listed model of this name, with its inputs; else one that nothing is known of."""
        return next((model for model in self.models if model.target.strip() == target.strip()), Model(target))


def read_config(directory: str = "") -> Config:
    """The configuration of a project.

    Args:
        directory: where its ``pyproject.toml`` is; by default the working directory, or the closest one above it whose file has
            the table.

    Returns:
        The configuration, its file names relative to the working directory; an empty one if there is no table.

    Raises:
        ConfigError: a file can't be read, or has a key or value that modinspect doesn't know.
    """
    for place in [directory] if directory else _directories():
        file = os.path.join(place, FILE)
        if os.path.isfile(file):
            tool = _section(_load(file).get("tool", {}), "tool")
            if "modinspect" in tool:
                config = parse_config(tool["modinspect"])
                return _seen_from_here(config, place) if place else config
    return Config()


def _directories() -> Iterator[str]:
    """The working directory, as ``""``, and those above it."""
    yield ""
    try:
        here = os.getcwd()
    except OSError:  # it was deleted
        return
    while (above := os.path.dirname(here)) != here:
        yield above
        here = above


def _seen_from_here(config: Config, directory: str) -> Config:
    """The configuration with its file names relative to the working directory; they are relative to ``directory``."""

    def moved(file: str) -> str:
        return file if os.path.isabs(file) else os.path.relpath(os.path.join(directory, file))

    def target(text: str) -> str:
        file = _FILE_TARGET.match(text.strip())
        return text if file is None else moved(file[0]) + text.strip()[file.end() :]

    def spec(text: str) -> str:
        name, at, file = text.partition("@")
        return f"{name}@{moved(file)}" if at and (not name or name.rstrip().endswith("=")) else text

    def how(options: RunOptions) -> RunOptions:
        function = None if options.input_fn is None else target(options.input_fn)
        return replace(options, inputs=tuple(map(spec, options.inputs)), input_fn=function)

    models = tuple(replace(model, target=target(model.target), how=how(model.how)) for model in config.models)
    baseline = None if config.baseline is None else moved(config.baseline)
    return replace(config, how=how(config.how), models=models, baseline=baseline, directory=directory)


def parse_config(data: object) -> Config:
    """The configuration from the table as TOML gave it.

    Raises:
        ConfigError: a key is not known, or its value is of the wrong kind.
    """
    table = _section(data, TABLE)
    values = _values(table, TABLE, _TOP)
    return Config(
        how=_how(values),
        opaque=values.get("opaque", ()),
        select=values.get("select", ()),
        ignore=values.get("ignore", ()),
        fail_on=values.get("fail-on"),
        include_installed=values.get("include-installed"),
        jobs=values.get("jobs"),
        timeout=values.get("timeout"),
        baseline=values.get("baseline"),
        severity=values.get("severity", {}),
        ignores=values.get("per-target-ignores", {}),
        models=values.get("models", ()),
    )


def _load(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            table: dict[str, Any] = tomllib.load(opened)
    except OSError as error:
        raise ConfigError(f"can't read {file!r}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ConfigError(f"{file!r} isn't valid TOML: {error}") from error
    return table


def _first(given: Any, default: Any) -> Any:
    return default if given is None else given


def _how(values: Mapping[str, Any]) -> RunOptions:
    return RunOptions(
        *(values.get(key, default) for key, default in zip(_RUN, ((), None, None, None, None, None), strict=True))
    )


# --- kinds of values: each takes what TOML gave and the key's full name


def _wrong(where: str, expected: str, value: object) -> ConfigError:
    shown = repr(value)
    return ConfigError(f"{where} in {FILE} should be {expected}, found {shown if len(shown) <= 60 else type(value).__name__}")


def _section(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "a table", value)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, "a string", value)
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value, where),)
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _wrong(where, "a list of strings", value)
    return tuple(value)


def _yes_or_no(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false", value)
    return value


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong(where, "a whole number of at least 1", value)
    return value


def _seconds(value: object, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise _wrong(where, "a number of seconds, 0 for no limit", value)
    return float(value)


def _severity(value: object, where: str) -> Severity:
    for severity in _SEVERITIES:
        if value == severity:
            return severity  # type: ignore[return-value]  # one of them
    raise _wrong(where, f"one of {', '.join(_SEVERITIES)}", value)


def _severities(value: object, where: str) -> dict[str, Severity]:
    return {rule: _severity(severity, f"{where}.{rule}") for rule, severity in _section(value, where).items()}


def _ignores(value: object, where: str) -> dict[str, tuple[str, ...]]:
    return {glob: _texts(rules, f"{where}.{glob}") for glob, rules in _section(value, where).items()}


def _models(value: object, where: str) -> tuple[Model, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} in {FILE} should be a list of tables", f"Each begins with [[{where}]].")
    return tuple(_model(_section(item, where), where) for item in value)


def _model(table: dict[str, Any], where: str) -> Model:
    values = _values(table, where, _MODEL)
    if "target" not in values:
        raise ConfigError(f"a model in [[{where}]] of {FILE} has no target", 'Add target = "pkg.mod:Class".')
    return Model(values["target"], _how(values), values.get("init", {}), values.get("ignore", ()))


_RUN: dict[str, Callable[[object, str], Any]] = {
    "input": _texts,
    "input-fn": _text,
    "device": _text,
    "dtype": _text,
    "train": _yes_or_no,
    "grad": _yes_or_no,
}
_MODEL: dict[str, Callable[[object, str], Any]] = {"target": _text, "init": _section, "ignore": _texts, **_RUN}
_TOP: dict[str, Callable[[object, str], Any]] = {
    **_RUN,
    "opaque": _texts,
    "select": _texts,
    "ignore": _texts,
    "fail-on": _severity,
    "include-installed": _yes_or_no,
    "jobs": _count,
    "timeout": _seconds,
    "baseline": _text,
    "severity": _severities,
    "per-target-ignores": _ignores,
    "models": _models,
}


def _values(table: dict[str, Any], where: str, known: Mapping[str, Callable[[object, str], Any]]) -> dict[str, Any]:
    for key in table:
        if key not in known:
            hint = sentences(did_you_mean(key, known), f"Known keys: {listed(sorted(known), limit=len(known))}.")
            raise ConfigError(f"{where} in {FILE} has no key {key!r}", hint)
    return {key: known[key](value, f"{where}.{key}") for key, value in table.items()}
