"""Feeds made-up text to all that reads text from outside: only modinspect's own errors may come of it.

    pip install atheris
    python fuzz/run.py -max_total_time=300

Each input picks one reader by its first byte and is the text for it. Coverage guides what is tried next; a crash is written to
a file, which ``python fuzz/run.py FILE`` runs again. Other options are libFuzzer's.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import torch
from torch import nn

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

with atheris.instrument_imports(include=["modinspect"]):
    from modinspect import inspect
    from modinspect.config import parse_config
    from modinspect.errors import ModinspectError
    from modinspect.findings import Finding, baseline_text, read_baseline
    from modinspect.inputs.spec import parse_spec
    from modinspect.report import Report
    from modinspect.target.kinds import KINDS
    from modinspect.target.parse import parse, parse_init

FILE = Path(tempfile.mkdtemp()) / "baseline.json"

_FINDING = Finding("MI103", "unregistered-weight", "error", "a weight", "pkg:Net", "", None)
SEEDS = (
    ["1,10", "ids=1,128:int64:0..9", "mask=1,8:bool:ones", "@batch.pt", ":float32:rand", "x=@a.npy"],
    ["pkg.mod.Net", "pkg.mod:Net(width=64, sizes=[1, 2])", "path/to/net.py:make('a', b=None)", "net.py:Net(-1.5e3)"],
    ["width=64", "name='a'", "sizes=[1, (2, 3)]\0flag=True"],
    [json.dumps(inspect(nn.ReLU(), torch.ones(1)).to_dict())],
    ['select = ["MI1"]\nfail-on = "error"\n[[models]]\ntarget = "a:B"\ninput = ["1,10"]\n[severity]\nMI103 = "info"'],
    [baseline_text([_FINDING])],
)
"""What each of the readers is given to begin with."""


def _report(text: str) -> None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    Report.from_dict(data)


def _config(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    parse_config(data)


def _baseline(text: str) -> None:
    FILE.write_text(text, encoding="utf-8", errors="surrogatepass")
    read_baseline(str(FILE))


READERS: tuple[Callable[[str], object], ...] = (
    parse_spec,
    lambda text: parse(text, KINDS),
    lambda text: parse_init(text.split("\0")),
    _report,
    _config,
    _baseline,
)


def one(data: bytes) -> None:
    """Reads one made-up text."""
    if not data:
        return
    text = data[1:].decode(errors="surrogateescape")
    try:
        READERS[data[0] % len(READERS)](text)
    except ModinspectError as error:
        if not error.message:
            raise


if __name__ == "__main__":
    corpus = Path(tempfile.mkdtemp())
    for place, seeds in enumerate(SEEDS):
        for number, seed in enumerate(seeds):
            (corpus / f"{place}-{number}").write_bytes(bytes([place]) + seed.encode())
    again = any(Path(argument).is_file() for argument in sys.argv[1:])
    atheris.Setup(sys.argv if again else [*sys.argv, str(corpus)], one)
    atheris.Fuzz()
