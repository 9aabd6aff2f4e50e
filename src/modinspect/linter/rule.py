"""What a lint rule is, what it may ask for, and what comes out of it. Imports neither torch nor rich.

A rule reads the :class:`~modinspect.report.Report` objects that it asks of :class:`Runs`, and yields a
:class:`PendingFinding` for each line that it objects to. :func:`apply` turns these into :class:`Finding` objects: it drops
those in installed code and merges repeats at one line of one class.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from modinspect.findings import Finding, Severity, Skipped
from modinspect.report import Report, Source
from modinspect.usercode import is_installed

HEADINGS = (
    "What it does",
    "Why it is bad",
    "Example",
    "Use instead",
    "How it is found",
    "When to ignore it",
    "References",
)
"""The headings (``## ...``) of a rule's docstring, in this order."""


class Undecided(Exception):
    """Raised by a rule, or by a run that it asks for, when the model at hand does not let it decide.

    Args:
        reason: a clause in words: ``the forward raised in train mode``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PendingFinding:
    """What a rule yields.

    Args:
        message: names what is wrong and the way out.
        module: path of the module that it concerns.
        source: the line that it is about.
        about: what tells it from another finding of the rule at the same line of the same class (a function's name, say).
        severity: given where it is milder than the rule's own.
    """

    message: str
    module: str = ""
    source: Source | None = None
    about: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call at which something was seen while values ran through the model; ``function`` is its public name."""

    source: Source | None
    function: str
    module: str


@dataclass(frozen=True, slots=True)
class ModeMismatch:
    """A module whose mode is not the one that was asked for.

    ``asked`` is the method that was called (``eval`` or ``train``). ``set_on_purpose``: some override put the module into this
    mode, it was not merely left in it. ``method`` is the override (``train`` or ``eval``) that comes into question.
    """

    module: str
    asked: Literal["eval", "train"]
    set_on_purpose: bool
    method: Source | None


@dataclass(frozen=True, slots=True)
class Gradients:
    """Which trainable parameters the gradient of the outputs reaches.

    ``cuts`` gives, for those that it does not reach, the first call that took a value depending on them and gave none with a
    gradient.
    """

    reached: frozenset[str]
    cuts: dict[str, CallSite]


@dataclass(frozen=True, slots=True)
class CreatedModule:
    """A module with parameters of its own that a forward makes.

    ``module`` is the path of the one that it runs in, ``called`` the line that runs it, ``source`` the line that makes it.
    ``anew`` says whether each forward does so; otherwise the first makes it, and it is kept.
    """

    class_name: str
    params: int
    module: str
    called: Source | None
    source: Source | None
    anew: bool


class Runs(Protocol):
    """What a rule may ask. Each run is made when first asked for, and kept; none of them changes the model.

    Every method raises :class:`Undecided` where the run can't be made.
    """

    @property
    def report(self) -> Report:
        """The eval run on the given inputs; its forward did not raise."""

    def train(self) -> Report:
        """The same in train mode; on a batch of two where one sample is too few for a batch norm."""

    def batch_size(self) -> int:
        """The batch size of the given inputs."""

    def batch(self, size: int) -> Report:
        """The eval run on inputs of another batch size. Its forward may have raised: ``Report.error``."""

    def varied_inputs(self) -> tuple[Report, ...]:
        """Eval runs on other values than the given ones; those that raised are left out."""

    def dtype(self, name: str) -> Report:
        """The eval run with parameters, buffers and floating inputs of another dtype. Its forward may have raised."""

    def device(self, name: str) -> Report:
        """The eval run on another device (``weightless:cuda``). Its forward may have raised."""

    def mode_mismatches(self) -> tuple[ModeMismatch, ...]:
        """Registered modules that are in the other mode after ``model.eval()`` and after ``model.train()``."""

    def nondeterminism(self) -> CallSite | None:
        """Where two eval runs on the same input first differ; ``None`` if their outputs are equal."""

    def batch_mixing(self) -> CallSite | None:
        """Where one sample of the batch first has an effect on another; ``None`` if it has none on the outputs."""

    def gradients(self) -> Gradients:
        """Which trainable parameters the gradient of the outputs reaches, in eval mode."""

    def created_modules(self) -> tuple[CreatedModule, ...]:
        """The modules with parameters that the forward makes, anew each time or in the first one."""

    def moved_by_hand(self) -> frozenset[str]:
        """The tensors in attributes, no parameters or buffers, that ``model.to()`` takes along: it was overridden for them."""

    def declared(self, name: str) -> Source | None:
        """The line that registers the module or tensor ``name``: ``self.fc = nn.Linear(...)``."""


class Rule(ABC):
    """One rule. The docstring of a subclass is its page: a summary in one line, then the :data:`HEADINGS`."""

    id: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]

    @property
    def page(self) -> str:
        """The rule's documentation in Markdown."""
        return inspect.getdoc(type(self)) or ""

    @property
    def summary(self) -> str:
        """The rule in one line."""
        return self.page.partition("\n")[0]

    @abstractmethod
    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Yields what the rule objects to.

        Raises:
            Undecided: the model can't be judged.
        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one model."""

    findings: tuple[Finding, ...] = ()
    skipped: Skipped | None = None


def apply(rule: Rule, runs: Runs, *, target: str, include_installed: bool = False) -> Verdict:
    """Asks one rule about one model.

    Args:
        rule: to apply
        runs: of the model
        target: the model's name in the findings
        include_installed: keep findings in installed packages
    """
    try:
        pending = list(rule.check(runs))
        report = runs.report
    except Undecided as undecided:
        return Verdict(skipped=Skipped(rule.id, target, undecided.reason))
    if not include_installed:
        pending = [finding for finding in pending if finding.source is None or not is_installed(finding.source.file)]
    classes = {module.path: module.class_name for module in report.modules}
    return Verdict(tuple(_merge(rule, pending, classes, target)))


def _merge(rule: Rule, pending: Iterable[PendingFinding], classes: dict[str, str], target: str) -> Iterator[Finding]:
    """One finding for the drafts at the same line of the same class, in the order of the first of each."""
    alike: dict[object, list[PendingFinding]] = {}
    for finding in pending:
        source = finding.source
        line = (source.file, source.line) if source is not None else (finding.message, 0)
        alike.setdefault((line, classes.get(finding.module), finding.about, finding.severity), []).append(finding)
    for same in alike.values():
        first = same[0]
        yield Finding(
            rule=rule.id,
            name=rule.name,
            severity=first.severity or rule.severity,
            message=first.message,
            target=target,
            module=first.module,
            source=first.source,
            modules=len({finding.module for finding in same}),
        )
