"""The examples in CONTRIBUTING.md work, and the files, tests and names that it mentions exist."""

from __future__ import annotations

import re
import textwrap
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

import modinspect
from modinspect.errors import TargetError
from modinspect.examples import MyModel
from modinspect.linter.rule import apply
from modinspect.linter.runs.live_runs import LiveRuns
from modinspect.target import Wanted
from modinspect.target.kinds import KINDS
from modinspect.target.parse import parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = {
    code.partition("\n")[0].removeprefix("# "): code
    for code in map(textwrap.dedent, re.findall(r"^ *```python\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL))
}


def example(path: str) -> ModuleType:
    module = ModuleType("example")
    exec(compile(EXAMPLES[f"src/modinspect/{path}"], path, "exec"), vars(module))
    return module


class Doubles(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(2)


def test_the_rule() -> None:
    rule = example("linter/rules/input_modified.py").InputModified()
    verdict = apply(rule, LiveRuns(Doubles(), (torch.ones(2, 3),), {}), target="net")
    assert [(finding.rule, finding.message) for finding in verdict.findings] == [
        ("MI699", "Tensor.mul_ in the model (Doubles) changes the input of forward in place")
    ]
    assert apply(rule, LiveRuns(MyModel(), (torch.ones(1, 10),), {}), target="net").findings == ()


def test_the_format() -> None:
    report = modinspect.inspect(Doubles(), torch.ones(2))
    (op,) = report.ops
    assert op.source is not None
    lines = example("render/report/lines.py").render(report)
    assert lines == f"torch.Tensor.mul_ {op.source.file}:{op.source.line}\n"


def test_the_guess() -> None:
    model = MyModel()
    guess = example("inputs/guess/example_inputs.py").guess
    assert list(guess(model, lambda *_: None)) == []
    model.example_inputs = (torch.ones(1, 10),)
    (inputs,) = guess(model, lambda *_: None)
    assert (inputs.args, inputs.how) == (model.example_inputs, "example_inputs of MyModel")


def test_the_kind_of_target(monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("target/kinds/entry_point.py")
    points = EntryPoints([EntryPoint("tiny", "modinspect.examples:MyModel", "some.models")])
    monkeypatch.setattr(module, "entry_points", lambda group: points.select(group=group))
    wanted = Wanted("a model", "Net", lambda _: True)

    target = parse("entry:some.models/tiny()", (module.ENTRY_POINT, *KINDS))
    assert (target.kind, target.place, target.name) == ("entry-point", "some.models", "tiny")
    found = module.ENTRY_POINT.find(target, wanted)
    assert found.obj is MyModel
    with pytest.raises(TargetError, match="no entry point 'big'"):
        module.ENTRY_POINT.find(parse("entry:some.models/big", (module.ENTRY_POINT,)), wanted)


def test_the_files_that_it_mentions_exist() -> None:
    new = {*EXAMPLES, "tests/linter/rules/test_input_modified.py", "tests/render/report/test_lines.py", "docs/rules/MI699.md"}
    named = set(re.findall(r"`((?:\.github|docs|src|tests|\w+)/[\w./-]+)`", PAGE))
    assert len(named) > 10
    places = (ROOT, ROOT / "src" / "modinspect", ROOT / "src" / "modinspect" / "linter")
    missing = [name for name in named - new if not any((place / name).exists() for place in places)]
    assert missing == []


def test_the_tests_that_it_runs_exist() -> None:
    for words in re.findall(r"\.venv/bin/python -m pytest -q ([\w/.]+)", PAGE):
        assert (ROOT / words).exists(), words


def test_the_tuples_that_it_names_have_a_line_for_each_thing() -> None:
    tuples = re.findall(r"`([A-Z_]+)`\s+in\s+`([\w/.]+\.py)`", PAGE)
    assert len(tuples) >= 5
    package = Path(modinspect.__file__).parent
    for name, file in tuples:
        assert re.search(rf"^{name}\b", (package / file).read_text(encoding="utf-8"), re.MULTILINE), (name, file)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^    )make ([a-z]+)", PAGE, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
