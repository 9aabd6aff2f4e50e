"""Which models ``lint`` checks, how, and with which rules: the command line overrides the configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from modinspect.config import TABLE, Config, Model, RunOptions
from modinspect.errors import ConfigError
from modinspect.linter import Job, check_selectors, select_rules
from modinspect.session import Request

_HOW_TO_NAME = (
    "Name one, as in: modinspect lint pkg.mod:Class --input 1,10. Or list the project's models in pyproject.toml, each in a "
    f"table [[{TABLE}.models]] with target and input."
)


@dataclass(frozen=True)
class Asked:
    """The options given on the command line; ``None`` or empty if not given."""

    targets: tuple[str, ...] = ()
    how: RunOptions = field(default_factory=RunOptions)
    init: Mapping[str, Any] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    include_installed: bool = False


def plan(asked: Asked, config: Config) -> tuple[Job, ...]:
    """A job for each model: the targets given, or all models of the configuration.

    Raises:
        ConfigError: there is no model, or a rule doesn't exist.
    """
    models = [config.model(target) for target in asked.targets] if asked.targets else config.models
    if not models:
        raise ConfigError("there is no model to lint", _HOW_TO_NAME)
    check_selectors(selector for model in config.models for selector in model.ignore)
    check_selectors(selector for selectors in config.ignores.values() for selector in selectors)
    labels = _labels([model.target for model in models])
    return tuple(_job(model, label, asked, config) for model, label in zip(models, labels, strict=True))


def _labels(targets: Sequence[str]) -> list[str]:
    """The targets. A repeated target (with other inputs) gets a number from its second occurrence on."""
    seen = Counter[str]()
    labels = []
    for target in targets:
        seen[target] += 1
        labels.append(target if seen[target] == 1 else f"{target} #{seen[target]}")
    return labels


def _job(model: Model, label: str, asked: Asked, config: Config) -> Job:
    how = asked.how.over(model.how).over(config.how)
    return Job(
        label=label,
        request=Request(
            model.target,
            how.inputs,
            how.input_fn,
            {**model.init, **asked.init},
            device="auto" if how.device is None else how.device,
            dtype=how.dtype,
            arguments=how.arguments,
        ),
        rules=_rules(model, asked, config),
        opaque=asked.opaque or config.opaque,
        include_installed=asked.include_installed or bool(config.include_installed),
    )


def _rules(model: Model, asked: Asked, config: Config) -> tuple[str, ...]:
    """``--select`` overrides ``select`` and ``ignore`` of the configuration. A model's own ``ignore`` still applies."""
    select = asked.select or config.select
    general = asked.ignore or (() if asked.select else config.ignore)
    for_target = [rule for glob, rules in config.ignores.items() if fnmatchcase(model.target, glob) for rule in rules]
    return tuple(rule.id for rule in select_rules(select, [*general, *for_target, *model.ignore]))
