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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from modinspect.errors import ConfigError
from modinspect.wording import did_you_mean, listed, sentences

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # docs/decisions/0004-tomli.md

FILE = "pyproject.toml"
TABLE = "tool.modinspect"

Severity: TypeAlias = Literal["error", "warning", "info"]

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
    arguments: Mapping[str, Any] = field(default_factory=dict)

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
            {**default.arguments, **self.arguments},
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
            tool = _load(file).get("tool")
            if isinstance(tool, dict) and "modinspect" in tool:
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
    try:
        table = msgspec.convert(data, _Table)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from error
    ignores = _values(table.per_target_ignores, _Texts, "per-target-ignores")
    return Config(
        how=_how(table),
        opaque=_listed(table.opaque),
        select=_listed(table.select),
        ignore=_listed(table.ignore),
        fail_on=table.fail_on,
        include_installed=table.include_installed,
        jobs=table.jobs,
        timeout=table.timeout,
        baseline=table.baseline,
        severity=_values(table.severity, Severity, "severity"),
        ignores={glob: _listed(rules) for glob, rules in ignores.items()},
        models=tuple(Model(model.target, _how(model), model.init, _listed(model.ignore)) for model in table.models),
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


# -- the table as it is in the file


_Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""Not a pattern: msgspec 0.22 frees one twice where a union has it in two places."""

_Texts: TypeAlias = _Text | list[_Text]
"""A list of strings, or one string."""


class _Run(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The keys that a model may have, too."""

    input: _Texts = []
    input_fn: _Text | None = None
    device: _Text | None = None
    dtype: _Text | None = None
    train: bool | None = None
    grad: bool | None = None
    arg: dict[str, Any] = {}
    ignore: _Texts = []


class _Model(_Run, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    target: _Text
    init: dict[str, Any] = {}


class _Table(_Run, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    opaque: _Texts = []
    select: _Texts = []
    fail_on: Severity | None = None
    include_installed: bool | None = None
    jobs: Annotated[int, msgspec.Meta(ge=1)] | None = None
    timeout: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    baseline: _Text | None = None
    severity: dict[str, Any] = {}
    per_target_ignores: dict[str, Any] = {}
    models: list[_Model] = []


def _listed(texts: str | list[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _how(table: _Run) -> RunOptions:
    return RunOptions(_listed(table.input), table.input_fn, table.device, table.dtype, table.train, table.grad, table.arg)


def _values(table: dict[str, Any], kind: Any, path: str) -> dict[str, Any]:
    """A table whose keys are the user's own: msgspec's paths don't name these."""
    for key, value in table.items():
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise _explained(f"{str(error).partition(' - at ')[0]} - at `$.{path}.{key}`") from error
    return table


_HINTS = {
    "missing required field `target`": 'Each model has a target: target = "pkg.mod:Class".',
    "nvalid enum value": "One of error, warning, info.",
}


def _explained(message: str) -> ConfigError:
    """What msgspec says of a table, with the file and the full name of the key."""
    what, _, path = message.partition(" - at `$")
    where = TABLE + path.rstrip("`")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL)
    if unknown is None:
        hint = next((hint for part, hint in _HINTS.items() if part in what), "")
        return ConfigError(f"{where} in {FILE}: {what[:1].lower()}{what[1:]}", hint)
    known = [field.encode_name for field in msgspec.structs.fields(_Model if ".models[" in where else _Table)]
    hint = sentences(did_you_mean(unknown[1], known), f"Known keys: {listed(sorted(known), limit=len(known))}.")
    return ConfigError(f"{where} in {FILE} has no key {unknown[1]!r}", hint)
