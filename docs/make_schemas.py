"""Writes the JSON Schema of each result into ``docs/schema``, from the types of the package.

python docs/make_schemas.py
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, get_args

import msgspec

from modinspect.comparison import Section
from modinspect.findings import Failure, Finding, Skipped
from modinspect.report import Report

DIRECTORY = Path(__file__).parent / "schema"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each result by the name of its file."""
    return {"report.json": _report(), "lint.json": _lint(), "diff.json": _diff()}


def text_of(schema: dict[str, Any]) -> str:
    """A schema as it is written."""
    return json.dumps(schema, indent=2, ensure_ascii=True) + "\n"


def _report() -> dict[str, Any]:
    (reference,), components = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    report = components.pop(reference["$ref"].rpartition("/")[2])
    return _object("modinspect show --format json", report["properties"], report["required"], components)


def _lint() -> dict[str, Any]:
    items, components = msgspec.json.schema_components([Finding, Skipped, Failure], ref_template="#/$defs/{name}")
    names = ("findings", "skipped", "failures")
    properties = {name: {"type": "array", "items": item} for name, item in zip(names, items, strict=True)}
    properties = {"targets": {"type": "array", "items": {"type": "string"}}, **properties}
    return _object("modinspect lint --format json", properties, list(properties), components)


def _diff() -> dict[str, Any]:
    facts = {"anyOf": [{"type": "object"}, {"type": "null"}]}
    change = {
        "section": {"enum": list(get_args(Section))},
        "change": {"enum": ["added", "removed", "changed"]},
        "name": {"type": "string"},
        "module": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "before": facts,
        "after": facts,
    }
    properties = {
        "before": {"type": "string"},
        "after": {"type": "string"},
        "changes": {"type": "array", "items": {"type": "object", "properties": change, "required": list(change)}},
    }
    return _object("modinspect diff --format json", properties, list(properties), {})


def _object(title: str, properties: dict[str, Any], required: list[str], definitions: dict[str, Any]) -> dict[str, Any]:
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return {
        "$schema": _DIALECT,
        "title": title,
        "type": "object",
        "properties": {"schema_version": {"const": 1}, **properties},
        "required": ["schema_version", *required],
        "$defs": definitions,
    }


def main() -> None:
    """Writes the files."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (DIRECTORY / name).write_text(text_of(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
