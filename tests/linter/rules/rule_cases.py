"""Bad and good models, rule by rule.

A case is a function that returns a model and its inputs: ``return Net(), x`` or ``return Net(), (x, y), {"mask": m}``. In a bad
case the lines to be found end in a comment that names the rule: ``# MI103``. A good case must give no error and no warning of
any rule, and nothing at all of the rule that it is for; an undecided one must be skipped by that rule.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from modinspect.linter.rule import Rule, Verdict, apply
from modinspect.linter.rules import RULES
from modinspect.linter.runs.live_runs import LiveRuns

CAN_DO_AS_IF_ON_A_GPU = torch.cuda.is_available() or hasattr(torch._C, "_ensureCUDADeviceGuardSet")

Case = Callable[[], tuple[Any, ...]]


class Cases:
    """The cases of one rule."""

    def __init__(self, rule_id: str) -> None:
        self.rule = next(rule for rule in RULES if rule.id == rule_id)
        self._bad: list[Case] = []
        self._good: list[Case] = []
        self._mild: list[Case] = []
        self._undecided: list[Case] = []

    def bad(self, case: Case) -> Case:
        """The rule finds exactly the marked lines, with its own severity."""
        self._bad.append(case)
        return case

    def mild(self, case: Case) -> Case:
        """The rule finds exactly the marked lines, as an ``info``."""
        self._mild.append(case)
        return case

    def good(self, case: Case) -> Case:
        """The rule finds nothing, and no other says more than an ``info``."""
        self._good.append(case)
        return case

    def undecided(self, case: Case) -> Case:
        """The rule can't be decided, and no other says more than an ``info``."""
        self._undecided.append(case)
        return case

    def tests(self) -> tuple[Any, ...]:
        """Test functions for the four kinds."""

        @_each(self._bad)
        def finds(case: Case) -> None:
            verdict = decided(apply(self.rule, _runs(case), target="net"))
            assert verdict.skipped is None
            assert _lines(verdict, self.rule.severity) == _marked(case, self.rule.id)

        @_each(self._mild)
        def mentions(case: Case) -> None:
            verdict = decided(apply(self.rule, _runs(case), target="net"))
            assert verdict.skipped is None
            assert _lines(verdict, "info") == _marked(case, self.rule.id)

        @_each(self._good)
        def passes(case: Case) -> None:
            verdict = decided(apply(self.rule, runs := _runs(case), target="net"))
            assert verdict == Verdict()
            _assert_quiet(runs)

        @_each(self._undecided)
        def leaves_open(case: Case) -> None:
            verdict = apply(self.rule, runs := _runs(case), target="net")
            assert verdict.skipped is not None
            _assert_quiet(runs)

        kinds = ((finds, self._bad), (mentions, self._mild), (passes, self._good), (leaves_open, self._undecided))
        return tuple(test if cases else None for test, cases in kinds)


def _each(cases: list[Case]) -> Callable[[Any], Any]:
    return pytest.mark.parametrize("case", cases, ids=[case.__name__ for case in cases])


def _runs(case: Case) -> LiveRuns:
    model, args, kwargs = (*case(), {})[:3]
    return LiveRuns(model, args if isinstance(args, tuple) else (args,), kwargs)


def verdicts(model: Any, *args: Any, include_installed: bool = False, **kwargs: Any) -> dict[str, Verdict]:
    """What each rule says of a model."""
    runs = LiveRuns(model, args, kwargs)
    return {rule.id: apply(rule, runs, target="net", include_installed=include_installed) for rule in RULES}


def verdict_of(rule_id: str, model: Any, *args: Any, include_installed: bool = False, **kwargs: Any) -> Verdict:
    """What one rule says of a model."""
    rule: Rule = next(rule for rule in RULES if rule.id == rule_id)
    return apply(rule, LiveRuns(model, args, kwargs), target="net", include_installed=include_installed)


def decided(verdict: Verdict) -> Verdict:
    """The verdict; skips the test where this torch (2.9 and before) can't run as if on a GPU, and the rule says so."""
    if verdict.skipped is not None and not CAN_DO_AS_IF_ON_A_GPU and "can't run as if on a GPU" in verdict.skipped.reason:
        pytest.skip(verdict.skipped.reason)
    return verdict


def _assert_quiet(runs: LiveRuns) -> None:
    for rule in RULES:
        loud = [finding for finding in apply(rule, runs, target="net").findings if finding.severity != "info"]
        assert loud == []


def _lines(verdict: Verdict, severity: str) -> list[int]:
    assert all(finding.severity == severity for finding in verdict.findings)
    for finding in verdict.findings:
        assert finding.source is None or not os.path.isabs(finding.source.file)
    return sorted(0 if finding.source is None else finding.source.line for finding in verdict.findings)


def _marked(case: Case, rule_id: str) -> list[int]:
    lines, first = inspect.getsourcelines(case)
    found = [first + index for index, line in enumerate(lines) for _ in range(line.partition("#")[2].count(rule_id))]
    assert found, "a bad case marks its lines"
    return found
