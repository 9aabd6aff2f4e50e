"""Model bugs that only a run can find.

report = modinspect.lint(model, torch.rand(1, 10))
print(report)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modinspect.linter.catalog import CATALOG, check_selectors, find_rule, rule_infos, select_rules
from modinspect.linter.lint_target import Job

if TYPE_CHECKING:
    from torch import nn

    from modinspect.findings import Identity, LintReport, Severity

__all__ = ["CATALOG", "Job", "check_selectors", "find_rule", "lint", "lint_targets", "rule_infos", "select_rules"]


def lint(
    model: nn.Module,
    inputs: Any = None,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    opaque: Sequence[str] = (),
    severity: Mapping[str, Severity] | None = None,
    include_installed: bool = False,
    batch_dim: int | None = None,
) -> LintReport:
    """Runs a model in several ways and reports what is wrong with it. The model is left as it was.

    Comments ``# modinspect: ignore[MI103]`` in its code hold; ``pyproject.toml`` is not read.

    Args:
        model: on its own device, with whatever weights it has.
        inputs: what ``forward`` is called with: a tuple of arguments, a dict of them by name, a pair of both, one tensor, a
            spec or a list of specs as ``--input`` takes them (``"1,10"``); ``None`` for what the model says itself.
        select: the rules to ask: ids (``MI103``), beginnings of ids (``MI1``) or names; all of them if empty.
        ignore: rules not to ask.
        opaque: globs of class paths that count as layers (``timm.layers.*``).
        severity: what the findings of a rule count as, by id or name, where that is not what the rule says.
        include_installed: report findings in the code of installed libraries, too.
        batch_dim: the dimension of the inputs that is the batch; ``None`` to find it out.

    Returns:
        The findings, and the rules that could not be decided; ``print`` shows them.

    Raises:
        InputError: there are no inputs, or they can't be made.
        ConfigError: there is no such rule.
        RunError: ``forward`` raised.
    """
    from modinspect.linter.arguments import arguments
    from modinspect.linter.catalog import by_id
    from modinspect.linter.check import check
    from modinspect.linter.gather import gather
    from modinspect.linter.lint_target import check_ran
    from modinspect.linter.runs import LiveRuns

    rules = select_rules(select, ignore)
    args, kwargs = arguments(model, inputs)
    name = type(model).__name__
    runs = LiveRuns(model, args, kwargs, target=name, opaque=opaque, batch_dim=batch_dim)
    check_ran(runs)
    graded = by_id(severity or {})
    return gather([check(runs, rules, target=name, include_installed=include_installed)], severity=graded)


def lint_targets(
    jobs: Sequence[Job],
    *,
    timeout: float | None = None,
    workers: int | None = None,
    severity: Mapping[str, Severity] | None = None,
    baseline: frozenset[Identity] = frozenset(),
    progress: Callable[[str], None] | None = None,
) -> LintReport:
    """Lints targets, each in a process of its own, as ``modinspect lint`` does.

    Args:
        jobs: what to lint, and how.
        timeout: seconds that one target may take, imports included; ``None`` for no limit.
        workers: how many processes run at the same time; by default as many as there are cores.
        severity: what the findings of a rule count as, by id or name, where that is not what the rule says.
        baseline: findings that are known and accepted.
        progress: called with a few words on what is being done.

    Returns:
        One report of all targets; those that could not be linted are its ``failures``.

    Raises:
        ConfigError: there is no rule of a name in ``severity``.
    """
    from modinspect.linter.catalog import by_id
    from modinspect.linter.gather import gather
    from modinspect.linter.jobs import run_jobs

    graded = by_id(severity or {})
    outcomes = run_jobs(jobs, workers=workers, timeout=timeout, progress=progress)
    return gather(outcomes, severity=graded, baseline=baseline)
