"""The JSON Schema files are up to date, and what the commands write is valid."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from torch import nn

import modinspect
from modinspect.report import Report
from tests.render.render_reports import example

DOCS = Path(__file__).parents[2] / "docs"
MAKE = runpy.run_path(str(DOCS / "make_schemas.py"))
SCHEMAS: dict[str, dict[str, Any]] = MAKE["schemas"]()


def schema(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DOCS / "schema" / name).read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_are_made_from_the_code(name: str) -> None:
    written = (DOCS / "schema" / name).read_text(encoding="utf-8")
    assert written == MAKE["text_of"](SCHEMAS[name]), "write them anew: make docs"
    jsonschema.Draft202012Validator.check_schema(schema(name))


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.hidden = [nn.Linear(4, 4)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.hidden[0](self.fc(x)) @ torch.ones(3, 3)


def reports() -> list[Report]:
    return [
        example(),
        modinspect.inspect(Fails(), torch.ones(2, 3)),
        modinspect.inspect(nn.LSTM(3, 4), torch.ones(2, 1, 3)),
        modinspect.inspect_target("modinspect.examples.MyModel", ["1,10"]),
    ]


def test_reports_are_valid() -> None:
    for report in reports():
        jsonschema.validate(json.loads(report.to_json()), schema("report.json"))


def test_lint_reports_are_valid() -> None:
    class Drops(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.dropout(x)

    found = modinspect.lint(Drops(), torch.ones(2, 3))
    assert found.findings
    jsonschema.validate(found.to_dict(), schema("lint.json"))


def test_differences_are_valid() -> None:
    before, after = modinspect.inspect(nn.Linear(3, 4), torch.ones(2, 3)), modinspect.inspect(nn.Linear(3, 5), torch.ones(2, 3))
    difference = modinspect.diff(before, after)
    assert difference
    jsonschema.validate(difference.to_dict(), schema("diff.json"))


def test_what_is_not_a_report_is_not_valid() -> None:
    data = example().to_dict()
    del data["totals"]["params"]
    with pytest.raises(jsonschema.ValidationError, match="params"):
        jsonschema.validate(data, schema("report.json"))
