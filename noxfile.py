"""The tests with other Pythons and other releases of torch: ``make compat``.

    nox                                               the oldest and the newest pair that are supported
    nox -s 'compat(python="3.13", torch="2.15.0")'    one pair
    nox -- tests/trace                                some of the tests

Each pair has a virtual environment in ``.nox/``, and the next run uses it again. nox skips a pair whose Python is not installed
and says so; with ``CI`` set, that is a failure. ``TORCH_INDEX`` names an index with CPU builds of torch: 0.5 GB, not 5.
"""

from __future__ import annotations

import os

import nox

nox.options.reuse_existing_virtualenvs = True

UNPINNED = {"PIP_CONSTRAINT": None, "PIP_BUILD_CONSTRAINT": None}
"""constraints.txt pins the torch and the packages of ``make check``."""


@nox.session
@nox.parametrize(("python", "torch"), [("3.10", "2.6.0"), ("3.13", "2.15.0")])
def compat(session: nox.Session, torch: str) -> None:
    """Runs the tests with a release of torch."""
    index = os.environ.get("TORCH_INDEX")
    session.install(f"torch=={torch}", *(["--extra-index-url", index] if index else []), env=UNPINNED)
    session.install("--editable", ".[dev]", env=UNPINNED)
    tests = session.posargs or ["tests"]
    session.run("pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", "--tb=short", *tests)
