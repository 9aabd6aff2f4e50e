"""Findings that are known and accepted, in a file: an old code base starts clean, and only what is new counts.

A finding is recognised by its rule, its file, its function and the text of its line, and by which of the lines with that text
it is. Lines may move, and modules may get other paths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import msgspec
from msgspec.structs import astuple, replace

from modinspect.errors import ConfigError
from modinspect.findings.finding import Finding
from modinspect.wording import from_package_on

SCHEMA_VERSION = 1

_WRITE_ONE = "Write one with: modinspect lint --write-baseline FILE"


class Identity(msgspec.Struct, frozen=True, order=True):
    """What stays the same of a finding while the code around it changes.

    ``place`` is the innermost name of the function, or, where a finding has no line, the target and the module. ``occurrence``
    counts the lines of the file with the same text, from 0.
    """

    rule: str
    file: str
    place: str
    code: str
    occurrence: int

    @property
    def fingerprint(self) -> str:
        """The identity in 32 characters."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()[:32]


def identify(findings: Sequence[Finding]) -> tuple[Identity, ...]:
    """The identity of each finding; findings of a rule at the same line have the same one."""
    lines: dict[Identity, set[int]] = {}
    for finding in findings:
        if finding.source is not None:
            lines.setdefault(_first(finding), set()).add(finding.source.line)
    return tuple(
        replace(first, occurrence=sorted(lines[first]).index(finding.source.line)) if finding.source is not None else first
        for finding, first in ((finding, _first(finding)) for finding in findings)
    )


def _first(finding: Finding) -> Identity:
    """The identity as if the line were the first of its text."""
    source = finding.source
    if source is None:
        return Identity(finding.rule, "", f"{finding.target.partition('(')[0]}:{finding.module}", "", 0)
    return Identity(
        finding.rule, from_package_on(source.file), source.function.rpartition(".")[2], " ".join((source.code or "").split()), 0
    )


def fingerprinted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with their fingerprints."""
    return tuple(
        replace(finding, fingerprint=identity.fingerprint)
        for finding, identity in zip(findings, identify(findings), strict=True)
    )


def accept(findings: Sequence[Finding], baseline: frozenset[Identity]) -> tuple[Finding, ...]:
    """The findings, those that stand in ``baseline`` marked as suppressed."""
    return tuple(
        replace(finding, suppressed=True, suppressed_by="baseline")
        if identity in baseline and not finding.suppressed
        else finding
        for finding, identity in zip(findings, identify(findings), strict=True)
    )


def baseline_text(findings: Sequence[Finding]) -> str:
    """The file that accepts these findings, sorted; findings that a comment suppresses are left out."""
    identities = zip(identify(findings), findings, strict=True)
    accepted = {identity for identity, finding in identities if finding.suppressed_by != "comment"}
    entries = [msgspec.to_builtins(identity) for identity in sorted(accepted)]
    return json.dumps({"schema_version": SCHEMA_VERSION, "findings": entries}, indent=2) + "\n"


def read_baseline(file: str) -> frozenset[Identity]:
    """The findings that a file accepts.

    Raises:
        ConfigError: it can't be read, or isn't a baseline.
    """
    try:
        with open(file, encoding="utf-8") as opened:
            data = json.load(opened)
    except OSError as error:
        raise ConfigError(f"can't read the baseline {file!r}: {error.strerror or error}", _WRITE_ONE) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the baseline {file!r} isn't JSON: {error}", _WRITE_ONE) from error
    if not isinstance(data, dict) or not isinstance(data.get("findings"), list):
        raise ConfigError(f"{file!r} isn't a baseline of modinspect", _WRITE_ONE)
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"the baseline {file!r} has schema_version {version!r}, this modinspect reads {SCHEMA_VERSION}", _WRITE_ONE
        )
    try:
        return frozenset(msgspec.convert(data["findings"], list[Identity]))
    except msgspec.ValidationError as error:
        raise ConfigError(f"the baseline {file!r} is damaged: {error} of its findings", _WRITE_ONE) from error
