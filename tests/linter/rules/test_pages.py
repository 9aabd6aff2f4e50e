"""What the pages of the rules say is true: each example is found, and what is to be used instead is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from modinspect.linter.rule import HEADINGS, Rule, Runs
from modinspect.linter.rules import RULES
from tests.linter.rules.rule_cases import decided, verdict_of

IMAGES = {"MI602"}
PARAGRAPH = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def paragraphs(rule: Rule) -> dict[str, str]:
    """The page by its headings."""
    return dict(PARAGRAPH.findall(rule.page))


def network(text: str, directory: Path) -> nn.Module:
    """The model in the first block of code of a paragraph, made from a file, as its lines have to be found."""
    (code, *_) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    file = directory / "page.py"
    file.write_text(code)
    names: dict[str, Any] = {"__name__": "page", "nn": nn, "F": F, "torch": torch}
    exec(compile(code, str(file), "exec"), names)
    make: Callable[[], nn.Module] = names["Net"]
    return make()


def given(rule: Rule) -> torch.Tensor:
    """An input for the models of a page."""
    return torch.randn(2, 3, 8, 8) if rule.id in IMAGES else torch.randn(2, 8)


@each_rule
def test_the_page_has_all_headings_in_order(rule: Rule) -> None:
    assert tuple(paragraphs(rule)) == HEADINGS
    assert rule.summary.endswith(".")


@each_rule
def test_the_references_are_public_reports(rule: Rule) -> None:
    links = re.findall(
        r"^- \[.+?\]\((https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+)\)$", paragraphs(rule)["References"], re.M
    )
    assert len(links) == len(set(links)) >= 2


@each_rule
def test_the_example_is_found(rule: Rule, tmp_path: Path) -> None:
    verdict = decided(verdict_of(rule.id, network(paragraphs(rule)["Example"], tmp_path), given(rule)))
    assert {finding.severity for finding in verdict.findings} == {rule.severity}


@each_rule
def test_what_to_use_instead_is_not_found(rule: Rule, tmp_path: Path) -> None:
    verdict = decided(verdict_of(rule.id, network(paragraphs(rule)["Use instead"], tmp_path), given(rule)))
    assert verdict.findings == ()
    assert verdict.skipped is None


def test_ids_are_in_order_and_names_are_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_rules_ask_for_runs_alone() -> None:
    for rule in RULES:
        code = Path(__import__(type(rule).__module__, fromlist=["_"]).__file__).read_text()
        assert not re.search(r"^(import|from) (torch|modinspect\.trace)", code, re.MULTILINE)
        assert Runs.__name__ in code
