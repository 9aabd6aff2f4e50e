"""What becomes of drafts: installed code is left out, alike findings come once, what can't be decided is said."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided, apply
from modinspect.linter.runs.live_runs import LiveRuns
from modinspect.report import Source
from modinspect.usercode import is_installed
from tests.linter.rules.rule_cases import CAN_DO_AS_IF_ON_A_GPU, verdict_of


class Says(Rule):
    """A rule that yields what it is given."""

    id = "MI999"
    name = "says"
    severity = "warning"

    def __init__(self, *drafts: PendingFinding) -> None:
        self.drafts = drafts

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        yield from self.drafts


def net() -> LiveRuns:
    return LiveRuns(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), (torch.ones(1, 4),))


def at(line: int, file: str = "model.py") -> Source:
    return Source(file, line, "Net.forward", "x = x")


def test_one_finding_for_all_modules_of_a_class_at_one_line() -> None:
    verdict = apply(Says(PendingFinding("first", "0", at(3)), PendingFinding("second", "2", at(3))), net(), target="net")
    (finding,) = verdict.findings
    assert (finding.message, finding.module, finding.modules) == ("first", "0", 2)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.randn(4, 4)
        self.ks = [torch.ones(4), torch.zeros(4)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x @ self.w
        for k in self.ks:
            x = x + k
        return x


@pytest.mark.parametrize(("rule", "named"), [("MI103", "blocks.0.w"), ("MI104", "blocks.0.ks[0]")])
def test_the_same_attribute_of_several_modules_and_the_items_of_one_list_are_one_finding(rule: str, named: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block(), Block()])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                x = block(x)
            return x

    (finding,) = verdict_of(rule, Net(), torch.ones(2, 4)).findings
    assert named in finding.message
    assert (finding.module, finding.modules) == ("blocks.0", 3)


def test_another_class_line_subject_or_severity_is_another_finding() -> None:
    drafts = [
        PendingFinding("a", "0", at(3)),
        PendingFinding("b", "1", at(3)),
        PendingFinding("c", "0", at(4)),
        PendingFinding("d", "0", at(3), about="F.relu"),
        PendingFinding("e", "0", at(3), severity="info"),
    ]
    verdict = apply(Says(*drafts), net(), target="net")
    assert [finding.message for finding in verdict.findings] == ["a", "b", "c", "d", "e"]
    assert [finding.severity for finding in verdict.findings] == ["warning", "warning", "warning", "warning", "info"]


def test_drafts_without_a_line_come_once_if_they_say_the_same() -> None:
    verdict = apply(Says(PendingFinding("a", "0"), PendingFinding("a", "2"), PendingFinding("b", "0")), net(), target="net")
    assert [(finding.message, finding.modules) for finding in verdict.findings] == [("a", 2), ("b", 1)]


def test_installed_code_is_left_out_unless_asked_for() -> None:
    installed = Says(
        PendingFinding("theirs", "0", at(3, "venv/lib/python3.11/site-packages/lib/net.py")), PendingFinding("mine", "0", at(3))
    )
    assert [finding.message for finding in apply(installed, net(), target="net").findings] == ["mine"]
    both = apply(installed, net(), target="net", include_installed=True)
    assert [finding.message for finding in both.findings] == ["theirs", "mine"]


@pytest.mark.parametrize(
    ("file", "installed"),
    [
        ("model.py", False),
        ("src/packages/net.py", False),
        (".venv/lib/python3.11/site-packages/timm/layers/mlp.py", True),
        ("/usr/lib/python3/dist-packages/torchvision/models/resnet.py", True),
        (r"C:\env\Lib\site-packages\timm\layers\mlp.py", True),
        (str(Path(sysconfig.get_path("stdlib"), "contextlib.py")), True),
        (torch.__file__, True),
        ("<string>", False),
    ],
)
def test_what_is_installed(file: str, installed: bool) -> None:
    assert is_installed(file) is installed


def test_a_rule_that_cannot_be_decided_is_skipped_with_its_reason() -> None:
    class Doubts(Says):
        def check(self, runs: Runs) -> Iterator[PendingFinding]:
            yield PendingFinding("half a finding")
            raise Undecided("there is no run on the moon")

    verdict = apply(Doubts(), net(), target="net")
    assert verdict.findings == ()
    assert verdict.skipped is not None
    assert verdict.skipped.to_dict() == {"rule": "MI999", "target": "net", "reason": "there is no run on the moon"}


def test_a_forward_that_raises_leaves_every_rule_undecided() -> None:
    verdict = verdict_of("MI101", nn.Linear(4, 4), torch.ones(1, 5))
    assert verdict.skipped is not None
    assert verdict.skipped.reason.startswith("the forward raised RuntimeError: ")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A library, installed as pip would, with a network that does a few things that rules object to."""
    home = tmp_path / "site-packages"
    home.mkdir()
    (home / "thelibrary.py").write_text(
        """
import torch
import torch.nn.functional as F
from torch import nn


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.spare = nn.Linear(8, 8)
        self.head = nn.Linear(8, 4)
        self.scale = torch.ones(8)

    def features(self, x):
        return F.relu(self.norm(self.fc(x))) * self.scale

    def forward(self, x):
        return self.head(self.features(x))
"""
    )
    monkeypatch.syspath_prepend(str(home))
    import thelibrary

    yield thelibrary
    del sys.modules["thelibrary"]


def test_what_a_library_does_by_itself_is_not_reported(library: Any) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = library.Backbone()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.backbone(x)

    for rule in ("MI101", "MI104", "MI301", *(["MI502"] if CAN_DO_AS_IF_ON_A_GPU else []), "MI503"):
        assert verdict_of(rule, Net(), torch.ones(2, 8)).findings == ()
        assert len(verdict_of(rule, Net(), torch.ones(2, 8), include_installed=True).findings) == 1


def test_what_a_model_does_wrong_with_a_library_is_reported_at_its_own_line(library: Any) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = library.Backbone()
            self.frozen = library.Backbone().requires_grad_(False)
            self.second = library.Backbone()
            self.loose = [library.Backbone()]
            self.never = library.Backbone()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            a = self.backbone(x) + self.backbone(x + 1)
            with torch.no_grad():
                b = self.second(x)
            return a + b + self.frozen(x) + self.loose[0](x)

    def lines(rule: str) -> list[str | None]:
        return [finding.source.code for finding in verdict_of(rule, Net(), torch.ones(2, 8)).findings if finding.source]

    assert lines("MI303") == ["a = self.backbone(x) + self.backbone(x + 1)"]
    assert lines("MI304") == ["return a + b + self.frozen(x) + self.loose[0](x)"]
    assert lines("MI302") == ["b = self.second(x)"]
    assert lines("MI102") == ["return a + b + self.frozen(x) + self.loose[0](x)"]
    assert lines("MI301") == ["self.never = library.Backbone()"]
