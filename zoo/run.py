"""Runs modinspect over every model of the libraries that are installed, and writes what came of it.

    python -m zoo.run --page docs/zoo.md                 all, and the page on them
    python -m zoo.run --only 'bert*,vit'                 a few
    python -m zoo.run --family timm --rows rows.jsonl    rows that are in the file already are not made again

Each model runs in a process of its own, with limits on its time and memory, and without network.
"""

from __future__ import annotations

import argparse
import fnmatch
import multiprocessing
import os
import re
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from zoo import page, rows
from zoo.models import FAMILIES, Entry, entries
from zoo.rows import Row

_GIB = 2**30
_LONGEST_REASON = 300
_TOOK = "input taken from "
_NO_MEMORY = "can't allocate memory"
"""What torch says where the limit on memory is reached: no reason to leave a model out of those that should have run."""


def look_at(entry: Entry) -> Row:
    """Runs modinspect on one model, here and now."""
    from modinspect import inspect_target
    from modinspect.errors import ModinspectError, TargetError

    row = Row(entry.family, entry.type, entry.class_name, entry.target)
    try:
        report = inspect_target(entry.target, crosscheck=False)
    except ModinspectError as raised:
        stopped = not isinstance(raised, TargetError) or _NO_MEMORY in raised.message
        return replace(row, built=stopped, reason=_one_line(raised.message))
    error, totals = report.error, report.totals
    reason = "" if error is None else f"{error.type}: {error.message}"
    how = next((note.removeprefix(_TOOK) for note in report.model.notes if note.startswith(_TOOK)), "")
    return replace(
        _with_published(row, how),
        built=True,
        ran=report.ran and error is None,
        how=how,
        given=", ".join(f"{given.name} {'×'.join(map(str, given.shape or ()))}" for given in report.inputs),
        execution=report.model.execution,
        ops=totals.ops,
        hidden_ops=totals.hidden_ops,
        params=totals.params,
        flops=totals.flops,
        estimated_flops=totals.estimated_flops,
        uncounted_ops=totals.uncounted_ops,
        reason=_one_line(reason) if report.ran else "no input was found",
        notes=tuple(note for note in report.model.notes if not note.startswith(_TOOK)),
    )


def _with_published(row: Row, how: str) -> Row:
    """With what torchvision says of the weights that the sizes were taken from."""
    before, _, name = how.partition("torchvision's ")
    if not before or not name:
        return row
    import torchvision  # type: ignore[import-not-found,unused-ignore]

    meta = torchvision.models.get_weight(name).meta
    return replace(row, published_params=meta["num_params"], published_gmacs=meta["_ops"])


def _one_line(text: str) -> str:
    """Without line ends, and without where packages are installed: files are named as in them."""
    line = re.sub(r"[^\s(]*/site-packages/", "", " ".join(text.split()))
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."


def _work(entry: Entry, memory: int, answer: Connection) -> None:
    """In a process of its own: what models print goes nowhere."""
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        answer.send(look_at(entry))
    except BaseException as error:  # whatever comes here is a mistake of modinspect's, and is told as one
        answer.send(
            Row(entry.family, entry.type, entry.class_name, entry.target, reason=f"BUG: {type(error).__name__}: {error}")
        )


class _Running:
    """A model that is being looked at."""

    def __init__(self, entry: Entry, memory: int, seconds: float) -> None:
        self.entry = entry
        self.began = time.perf_counter()
        self.seconds = seconds
        context = multiprocessing.get_context("forkserver")
        self.answer, theirs = context.Pipe(duplex=False)
        self.process: ForkServerProcess = context.Process(target=_work, args=(entry, memory, theirs), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def left(self) -> float:
        """Seconds until its time is up."""
        return max(0.0, self.began + self.seconds - time.perf_counter())

    def _late(self, row: Row) -> Row:
        """Counted as built: whoever takes long is not left out of those that should have run."""
        return replace(row, built=True, reason=f"not done after {self.seconds:.0f} s")

    def row(self) -> Row | None:
        """What came of it, ``None`` while it is running."""
        if not self.answer.poll() and self.left:
            return None
        row = Row(self.entry.family, self.entry.type, self.entry.class_name, self.entry.target)
        try:
            row = self.answer.recv() if self.answer.poll() else self._late(row)
        except EOFError:
            self.process.join()
            row = replace(row, reason=f"its process ended with code {self.process.exitcode}")
        self.process.kill()
        self.process.join()
        return replace(row, seconds=round(time.perf_counter() - self.began, 1))


def run_all(chosen: Sequence[Entry], *, jobs: int, seconds: float, memory: int) -> Iterator[Row]:
    """Each model in a process of its own, ``jobs`` at a time; rows come as they are done."""
    preload = ["torch", "modinspect.trace", "modinspect.inputs.guess", "modinspect.target.factory"]
    multiprocessing.get_context("forkserver").set_forkserver_preload([*preload, "transformers.modeling_utils"])
    waiting, running = list(reversed(chosen)), list[_Running]()
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(_Running(waiting.pop(), memory, seconds))
        wait([one.answer for one in running], timeout=min(one.left for one in running))
        for one in list(running):
            row = one.row()
            if row is not None:
                running.remove(one)
                yield row


def _installed(families: Sequence[str]) -> Iterator[Entry]:
    for family in families:
        try:
            yield from entries(family)
        except ImportError:
            print(f"{family} is not installed", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, action="append", help="all that are installed")
    parser.add_argument("--only", default="*", help="globs of model types, with commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=180, help="for one model")
    parser.add_argument("--memory", type=float, default=8, help="GiB for one model")
    parser.add_argument("--rows", type=Path, help="a file of rows: those in it are not made again, others are added")
    parser.add_argument("--page", type=Path, help="write a page on all rows")
    options = parser.parse_args(arguments)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

    done = list(rows.read(options.rows)) if options.rows else []
    known = {(row.family, row.type) for row in done}
    wanted = [e for e in _installed(options.family or list(FAMILIES)) if _matches(e.type, options.only)]
    chosen = [entry for entry in wanted if (entry.family, entry.type) not in known]
    for number, row in enumerate(
        run_all(chosen, jobs=options.jobs, seconds=options.seconds, memory=int(options.memory * _GIB)), 1
    ):
        told = f"{row.execution}, {row.ops} ops, {row.given}" if row.ran else row.reason
        print(f"{number}/{len(chosen)} {row.type}: {told} ({row.seconds:.0f} s)", flush=True)
        if options.rows:
            rows.write(row, options.rows)
        done.append(row)
    print(page.summary(done))
    if options.page:
        options.page.write_text(page.page(done, earlier=len(known)), encoding="utf-8")


def _matches(name: str, globs: str) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs.split(","))


if __name__ == "__main__":
    main()
