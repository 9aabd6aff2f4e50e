"""Lints architectures of transformers, as if their code were one's own, and writes what came of it.

    python -m zoo.lint                                 the types of TYPES, and the numbers
    python -m zoo.lint --only 'bert,vit'               a few
    python -m zoo.lint --rows lint.jsonl               rows that are in the file already are not made again
    python -m zoo.lint --page docs/lint-on-transformers.md    replace the numbers in the page; what is said of them stays

Each model runs in its default configuration, in a process of its own, without network.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.models import entries

TYPES = (
    "albert", "audio-spectrogram-transformer", "bart", "beit", "bert", "blip", "bloom", "clip", "convnextv2", "cvt",
    "deberta-v2", "deit", "dinov2", "distilbert", "electra", "fnet", "funnel", "gemma2", "gpt2", "gpt_neox", "hubert", "llama",
    "longformer", "mamba", "marian", "mixtral", "mobilebert", "mobilevit", "mpnet", "opt", "perceiver", "pegasus", "phi3",
    "reformer", "regnet", "resnet", "roberta", "rwkv", "segformer", "sew", "squeezebert", "swin", "t5", "vit", "vit_mae",
    "wav2vec2", "whisper", "xlnet", "yolos",
)  # fmt: skip
"""One of each family: text encoders and decoders, both at once, images, sound, mixtures of experts, state spaces."""

SEVERITIES = ("error", "warning", "info")
_BEGIN, _END = "<!-- numbers -->", "<!-- end of the numbers -->"


def lint_all(types: Sequence[str], *, jobs: int, seconds: float) -> Iterator[dict[str, Any]]:
    """One row for each type: what was found, what could not be decided, or why it could not be checked."""
    from modinspect.findings import Failure
    from modinspect.linter.jobs import run_jobs
    from modinspect.linter.lint_target import Job
    from modinspect.linter.rules import RULES
    from modinspect.session import Request

    rules = tuple(rule.id for rule in RULES)
    targets = {entry.type: entry.target for entry in entries("transformers")}
    for kind in types:
        job = Job(kind, Request(targets[kind]), rules, include_installed=True)
        (outcome,) = run_jobs([job], workers=jobs, timeout=seconds)
        if isinstance(outcome, Failure):
            yield {"type": kind, "failure": outcome.message}
            continue
        yield {
            "type": kind,
            "findings": [finding.to_dict() for finding in outcome.findings],
            "skipped": [skipped.to_dict() for skipped in outcome.skipped],
        }


def numbers(rows: Sequence[Mapping[str, Any]]) -> str:
    """The tables: findings by rule, and what could not be decided."""
    checked = sorted((row for row in rows if "failure" not in row), key=lambda row: row["type"])
    torch = importlib.metadata.version("torch").partition("+")[0]
    found = [finding for row in checked for finding in row["findings"]]
    skipped = Counter(skip["rule"] for row in checked for skip in row["skipped"])
    loud = {row["type"] for row in checked if any(finding["severity"] != "info" for finding in row["findings"])}
    lines = [
        _BEGIN,
        f"{len(checked)} model types of transformers {importlib.metadata.version('transformers')}, with torch {torch};",
        f"{len(checked) - len(loud)} of them without any error or warning.",
        "",
        "| rule | errors | warnings | infos | models with one | not decided |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for rule in sorted({finding["rule"] for finding in found} | set(skipped)):
        of_it = [finding for finding in found if finding["rule"] == rule]
        counts = Counter(finding["severity"] for finding in of_it)
        models = len({finding["target"] for finding in of_it})
        cells = [rule, *(str(counts[severity]) for severity in SEVERITIES), str(models), str(skipped[rule])]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Types: {', '.join(row['type'] for row in checked)}.", *_failures(rows), _END]
    return "\n".join(lines)


def _failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"Not checked: {row['type']}, as {row['failure']}." for row in rows if "failure" in row]


def loud(rows: Sequence[Mapping[str, Any]]) -> str:
    """Each error and warning in one line, those at the same place together."""
    places: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        for finding in row.get("findings", ()):
            if finding["severity"] != "info":
                source = finding["source"]
                place = "?" if source is None else f"{source['file'].rpartition('site-packages/')[2]}:{source['line']}"
                places.setdefault((finding["rule"], place), []).append((row["type"], finding["message"]))
    return "\n".join(
        f"{rule} {place} [{', '.join(sorted({kind for kind, _ in same}))}]\n    {same[0][1]}"
        for (rule, place), same in places.items()
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(TYPES), help="model types, with commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=300, help="for one model")
    parser.add_argument("--rows", type=Path, help="a file of rows: those in it are not made again, others are added")
    parser.add_argument("--page", type=Path, help="put the numbers into this page")
    options = parser.parse_args(arguments)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

    rows = (
        [json.loads(line) for line in options.rows.read_text().splitlines()] if options.rows and options.rows.exists() else []
    )
    known = {row["type"] for row in rows}
    for row in lint_all(
        [kind for kind in options.only.split(",") if kind not in known], jobs=options.jobs, seconds=options.seconds
    ):
        rows.append(row)
        print(row["type"], row.get("failure", f"{len(row.get('findings', ()))} findings"), flush=True)
        if options.rows:
            with options.rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
    print(loud(rows), numbers(rows), sep="\n\n")
    if options.page:
        text = options.page.read_text(encoding="utf-8")
        before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
        options.page.write_text(before + numbers(rows) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
