"""Runs all tests with the oldest and the newest torch that modinspect supports, and prints a table: ``make compat``.

Each pair has a virtual environment of its own under ``.compat/``, made where it is not there. A build of torch for CUDA takes
about 5 GB; with an index of CPU builds (``--index``) it is a tenth of that. Python interpreters are looked for by name
(``python3.10``), and under ``$PYENV_ROOT``; one that is not there is said to be missing, which counts as a failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Pair:
    """A release of torch and the Python that it is tried with."""

    python: str
    torch: str

    @property
    def home(self) -> Path:
        """Its virtual environment."""
        return ROOT / ".compat" / f"python{self.python}-torch{self.torch}"


PAIRS = (Pair("3.10", "2.6.0"), Pair("3.13", "2.15.0"))


def main() -> int:
    """Tries each pair; 1 where a test failed or a pair could not be tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", help="where builds of torch for the CPU are", default=os.environ.get("TORCH_INDEX", ""))
    parser.add_argument("tests", nargs="*", default=["tests"])
    asked = parser.parse_args()
    rows = [(pair, *_try(pair, asked.index, asked.tests)) for pair in PAIRS]
    print(f"\n{'Python':8}{'torch':10}result")
    for pair, _, said in rows:
        print(f"{pair.python:8}{pair.torch:10}{said}")
    return 0 if all(fine for _, fine, _ in rows) else 1


def _try(pair: Pair, index: str, tests: list[str]) -> tuple[bool, str]:
    """(whether all is well, what to say of it)."""
    python = _interpreter(pair.python)
    if python is None:
        return False, f"there is no python{pair.python} here"
    try:
        _install(pair, python, index)
    except subprocess.CalledProcessError as error:
        return False, f"can't be installed: {' '.join(map(str, error.cmd))}"
    ran = subprocess.run(
        [pair.home / "bin" / "python", "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", "--tb=short", *tests],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    print(ran.stdout)
    counts = re.findall(r"^=*\s*(\d+ (?:passed|failed|error).*?)\s*=*$", ran.stdout, re.MULTILINE)
    return ran.returncode == 0, counts[-1] if counts else f"pytest ended with {ran.returncode}"


def _interpreter(version: str) -> str | None:
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
        return found
    installed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}.*/bin/python")
    return next(map(str, installed), None)


def _install(pair: Pair, python: str, index: str) -> None:
    done = pair.home / "installed"
    if done.exists():
        return
    print(f"Installing torch {pair.torch} for Python {pair.python} into {pair.home.relative_to(ROOT)}", file=sys.stderr)
    subprocess.run([python, "-m", "venv", "--clear", pair.home], check=True)
    pip = [str(pair.home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, f"torch=={pair.torch}", *(["--extra-index-url", index] if index else [])], check=True)
    subprocess.run([*pip, "--editable", f"{ROOT}[dev]"], check=True)
    done.touch()


if __name__ == "__main__":
    sys.exit(main())
