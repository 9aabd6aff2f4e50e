"""The pytest plugin: the fixture ``modinspect``, which lints as the project's ``pyproject.toml`` says.

def test_net_is_clean(modinspect):
    modinspect.assert_clean(Net(), "1,10")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from modinspect.testing import assert_clean, fail_if_found

if TYPE_CHECKING:
    from torch import nn

    from modinspect.config import Config
    from modinspect.findings import LintReport
    from modinspect.report import Report

__all__ = ["Modinspect", "assert_clean"]


@dataclass(frozen=True)
class Modinspect:
    """The value of the fixture. ``config`` is the project's ``[tool.modinspect]``."""

    config: Config

    def inspect(self, model: nn.Module, *args: Any, **kwargs: Any) -> Report:
        """As :func:`modinspect.inspect`."""
        from modinspect.api import inspect

        return inspect(model, *args, **kwargs)

    def lint(
        self, model: nn.Module, inputs: Any = None, *, select: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> LintReport:
        """As :func:`modinspect.lint`, with the rules, severities and opaque classes of the project.

        ``select`` replaces the project's setting, ``ignore`` adds to it.

        Args:
            model: to check
            inputs: as for :func:`modinspect.lint`
            select: ids or prefixes of rules
            ignore: ids or prefixes of rules
        """
        from modinspect.linter import lint

        return lint(
            model,
            inputs,
            select=select or self.config.select,
            ignore=[*self.config.ignore, *ignore],
            opaque=self.config.opaque,
            severity=self.config.severity,
            include_installed=bool(self.config.include_installed),
        )

    def assert_clean(
        self, model: nn.Module, inputs: Any = None, *, select: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> LintReport:
        """Fails if :meth:`lint` finds something at least as severe as the project's ``fail-on``.

        Args:
            model: to check
            inputs: as for :func:`modinspect.lint`
            select: ids or prefixes of rules
            ignore: ids or prefixes of rules

        Raises:
            AssertionError: there are findings; the message shows them with their lines.
        """
        __tracebackhide__ = True
        report = self.lint(model, inputs, select=select, ignore=ignore)
        fail_if_found(report, self.config.fail_on or "warning")
        return report


@pytest.fixture(scope="session")
def modinspect(request: pytest.FixtureRequest) -> Modinspect:
    """Lints and inspects models, as ``[tool.modinspect]`` in the project's ``pyproject.toml`` says."""
    from modinspect.config import read_config

    return Modinspect(read_config(str(request.config.rootpath)))
