"""Changes the code a little, many times, and looks whether the tests notice: ``make mutation``.

    python mutation/run.py                 all of MODULES
    python mutation/run.py report inputs/spec

The changes are mutmut's: another operator, number, string or constant, an argument left out, a value that is ``None``. Each
that no test notices is printed; those that docs/mutation.md explains are counted as such, any other makes the exit code 1.

mutmut's own runner is not used: it changes no function that has a decorator, and nothing that runs on import. Here each
changed module is imported anew, in a process forked from one that has torch. Only tests that reach the changed lines run, the
quick first.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp()  # what fails here is no failure to remember

import coverage
import hypothesis.strategies  # noqa: F401  # this and others are imported once, not after each fork
import libcst as cst
import libcst.metadata as meta
import numpy.testing  # noqa: F401
import pytest
import rich.console  # noqa: F401
import safetensors.torch  # noqa: F401
import torch.overrides
import torchinfo  # noqa: F401
import transformers  # noqa: F401
import typer  # noqa: F401
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src" / "modinspect"
PAGE = ROOT / "docs" / "mutation.md"

_REPORT = ("tests/report/test_report.py", "tests/comparison/test_diff.py", "tests/render/report/test_json.py")
_INPUTS = ("tests/inputs",)
_OPS = ("tests/trace/capture/test_classify.py", "tests/trace/capture/test_ops.py", "tests/trace/capture/test_known_calls.py")
MODULES = {
    "report/schema": _REPORT,
    "inputs/spec": _INPUTS,
    "inputs/values": _INPUTS,
    "inputs/bind": _INPUTS,
    "inputs/files": _INPUTS,
    "inputs/function": _INPUTS,
    "inputs/__init__": _INPUTS,
    "trace/capture/classify": _OPS,
    "trace/capture/flops": _OPS,
    "trace/capture/names": _OPS,
}
"""What is changed, and the tests that have to notice."""

LEFT_OUT = (
    "tests/inputs/test_bind.py::test_compiled_scripted_and_traced_modules_get_inputs",
    "tests/inputs/guess/test_transformers.py::test_transformers_models_of_text_have_a_guess_that_runs",
    "tests/comparison/test_diff.py::test_the_functions_diff_and_lint_survive_the_import_of_their_packages",
    "tests/trace/capture/test_ops.py::test_custom_operators_are_listed_under_their_own_names",
)
"""Tests that start a compiler or other processes: they take most of the time."""

OPTIONS = (
    *("-x", "-q", "--tb=no", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"),
    "--assert=plain",  # else pytest's importer comes before the one that is here
    *("-p", "no:cacheprovider", "-p", "no:unraisableexception"),  # the latter collects garbage for a second
)

SLACK = 20.0
"""Seconds that a change may take beyond ten times what its tests take; then it counts as noticed."""


@dataclass(frozen=True)
class Mutant:
    """One change of a module; ``source`` is the whole of it afterwards.

    ``once``: it may run once for all tests, on import or in a function that keeps its answers.
    """

    place: str
    lines: tuple[int, int]
    source: str
    once: bool = True


@dataclass(frozen=True)
class Reach:
    """For each line the tests that run it; how long each test takes."""

    tests: dict[int, set[str]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that could notice, the quick first."""
        lines = range(mutant.lines[0], mutant.lines[1] + 1)
        found = set() if mutant.once else set().union(*(self.tests.get(line, ()) for line in lines)) - {""}
        return sorted(found or self.seconds, key=lambda test: (self.seconds[test], test))


# ---- the changes


class _Changes(cst.CSTVisitor):
    """Collects (node, changed node, the functions and classes around it) of a module."""

    METADATA_DEPENDENCIES = (meta.PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, tuple[cst.FunctionDef | cst.ClassDef, ...]]] = []
        self._around: tuple[cst.FunctionDef | cst.ClassDef, ...] = ()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_passed_over(node):
            return False
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self._around += (node,)
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self.found += [(node, changed, self._around) for changed in operator(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, (cst.FunctionDef, cst.ClassDef)):
            self._around = self._around[:-1]


def _is_passed_over(node: cst.CSTNode) -> bool:
    """What only types, documents, or tells a person something: no test should hold each word of a message."""
    if isinstance(node, cst.SimpleString):
        return " " in node.value.strip("\"' ,")
    if isinstance(node, cst.If):
        return isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING"
    if isinstance(node, cst.AnnAssign):
        return cst.Module([]).code_for_node(node.annotation.annotation) == "TypeAlias"
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in ("TypeVar", "len", "isinstance")
    return isinstance(node, (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom))


def mutants_of(source: str) -> Iterator[Mutant]:
    """Each change of ``source`` that still compiles."""
    wrapper = meta.MetadataWrapper(cst.parse_module(source))
    changes = _Changes()
    wrapper.visit(changes)
    places = wrapper.resolve(meta.PositionProvider)
    for node, changed, around in changes.found:
        text = wrapper.module.deep_replace(node, changed).code
        try:
            compile(text, "mutant", "exec", dont_inherit=True)
        except SyntaxError:
            continue
        where = ".".join(each.name.value for each in around)
        functions = [each for each in around if isinstance(each, cst.FunctionDef)]
        once = not functions or any(function.decorators for function in functions)
        yield Mutant(where, (places[node].start.line, places[node].end.line), text, once)


def told(source: str, mutant: Mutant) -> str:
    """A change as the page lists it: ``place: `before` → `after```."""
    _, _, *lines = difflib.unified_diff(source.splitlines(), mutant.source.splitlines(), n=0, lineterm="")
    before, after = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return f"{mutant.place or 'on import'}: `{before}` → `{after}`"


# ---- the tests


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports ``source`` as the module ``name``."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, name: str, *_: object) -> Any:
        if name != self._name:
            return None
        places = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, self._path, loader=self, submodule_search_locations=places)

    def get_source(self, _: str) -> str:
        return self._source

    def get_code(self, _: str) -> Any:
        return compile(self._source, str(self._path), "exec", dont_inherit=True)


class _Watch:
    """Notes which lines of a file each test runs, and how long the test takes."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._coverage = coverage.Coverage(data_file=None, include=[self._path], config_file=False)
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> _Watch:
        self._coverage.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._coverage.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._coverage.switch_context(item.nodeid)
        start = time.perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.perf_counter() - start
            self._coverage.switch_context("")

    def lines(self) -> dict[int, list[str]]:
        return self._coverage.get_data().contexts_by_lineno(self._path)


def _pytest(tests: Sequence[str], *plugins: object) -> int:
    return int(pytest.main([*OPTIONS, *(f"--deselect={test}" for test in LEFT_OUT), *tests], plugins=list(plugins)))


def reach_of(name: str, path: Path, tests: Sequence[str]) -> Reach:
    """Runs the tests on the code as it is, in a process of their own."""
    with tempfile.NamedTemporaryFile() as answer:

        def run() -> int:
            sys.meta_path.insert(0, _Instead(name, path, path.read_text()))
            with _Watch(path) as watch:
                code = _pytest(tests, watch)
            Path(answer.name).write_text(json.dumps([watch.lines(), watch.seconds]))
            return code

        if _Child(run, quiet=False, seconds=600).wait():
            sys.exit("The tests fail on the code as it is.")
        lines, seconds = json.loads(Path(answer.name).read_text())
    reach = Reach({int(line): set(contexts) for line, contexts in lines.items()}, seconds)
    same, broken = Mutant("", (0, 0), path.read_text()), Mutant("", (0, 0), "raise ImportError")
    for mutant, code in outcomes(name, path, [same, broken], reach, 1):
        if (code == 0) != (mutant is same):
            sys.exit("Tests that are asked for one by one fail on no change, or pass without the module.")
    return reach


class _Child:
    """A forked process that runs a function and exits with what it returns."""

    def __init__(self, function: Callable[[], int], *, quiet: bool, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            code = _CRASHED
            try:
                os.setpgid(0, 0)
                if quiet:
                    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # as long as the process lives
                    os.dup2(sys.stdout.fileno(), 1)
                    os.dup2(sys.stdout.fileno(), 2)
                code = function()
                sys.stdout.flush()
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        """The exit code, ``None`` while it runs; what takes too long is ended."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            return abs(os.waitstatus_to_exitcode(status))
        if time.monotonic() > self._until:
            os.killpg(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            return _TOO_LONG
        return None

    def wait(self) -> int:
        """The exit code."""
        while (code := self.poll()) is None:
            time.sleep(0.02)
        return code


_CRASHED, _TOO_LONG = 70, 71


def outcomes(name: str, path: Path, mutants: Sequence[Mutant], reach: Reach, jobs: int) -> Iterator[tuple[Mutant, int]]:
    """(mutant, exit code of its tests) in the order in which they end; 0 where no test failed."""

    def start(mutant: Mutant) -> _Child:
        tests = reach.of(mutant)

        def run() -> int:
            sys.meta_path.insert(0, _Instead(name, path, mutant.source))
            return _pytest(tests)

        return _Child(run, quiet=True, seconds=SLACK + 10 * sum(reach.seconds[test] for test in tests))

    waiting = list(reversed(mutants))
    running: dict[_Child, Mutant] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[start(mutant)] = mutant
        for child in list(running):
            code = child.poll()
            if code is not None:
                yield running.pop(child), code
        time.sleep(0.02)


def try_module(module: str, jobs: int) -> tuple[int, int, list[str]]:
    """How many changes there were, for how many the time was up, and those that no test noticed."""
    path = SOURCES / f"{module}.py"
    name = f"modinspect.{module.replace('/', '.').removesuffix('.__init__')}"
    tests = MODULES[module]
    source = path.read_text()
    mutants = list(mutants_of(source))
    reach = reach_of(name, path, tests)
    too_long, survivors = 0, []
    for done, (mutant, code) in enumerate(outcomes(name, path, mutants, reach, jobs), 1):
        too_long += code == _TOO_LONG
        if code == 0:
            survivors.append(told(source, mutant))
        print(f"\r{module}: {done} of {len(mutants)}, {len(survivors)} not noticed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return len(mutants), too_long, survivors


def main() -> int:
    """Tries each module; 1 where a change was not noticed that the page does not explain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many changes are tried at once")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help=f"of {', '.join(MODULES)}")
    asked = parser.parse_args()
    if unknown := set(asked.modules) - set(MODULES):
        parser.error(f"{', '.join(sorted(unknown))}: not among {', '.join(MODULES)}")
    os.chdir(ROOT)
    torch.overrides.get_testing_overrides()  # takes long, once
    pytest.main([*OPTIONS, "--version"])  # imports what pytest does
    page = PAGE.read_text() if PAGE.exists() else ""
    rows: list[tuple[object, ...]] = []
    fresh = 0
    for module in asked.modules:
        start = time.monotonic()
        total, too_long, survivors = try_module(module, asked.jobs)
        new = [one for one in survivors if one not in page]
        fresh += len(new)
        print("\n".join(sorted(new)))
        noticed, known = total - len(survivors), len(survivors) - len(new)
        rows.append((f"`{module}`", total, noticed, too_long, known, len(new), f"{time.monotonic() - start:.0f} s"))
    head = ("module", "changes", "noticed", "by time alone", "explained", "new", "took")
    print("\n" + "\n".join(f"| {' | '.join(map(str, row))} |" for row in [head, ["---"] * len(head), *rows]))
    return 1 if fresh else 0


if __name__ == "__main__":
    sys.exit(main())
