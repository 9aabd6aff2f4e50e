"""The rows as a page of the documentation."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence

from zoo.models import DIFFERS, SETTINGS
from zoo.rows import Row

_NEAR = 0.01
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def summary(done: Sequence[Row]) -> str:
    """How many were built and ran, a line for each library."""
    return "\n".join(_line(family, [row for row in done if row.family == family]) for family in _families(done))


def page(done: Sequence[Row], earlier: int = 0) -> str:
    """The whole page; ``earlier`` rows were not made by this run."""
    ordered = sorted(done, key=lambda row: (row.family != "transformers", row.family, row.type))
    return "\n".join(_page(ordered, earlier)).rstrip() + "\n"


def _page(done: Sequence[Row], earlier: int) -> Iterator[str]:
    yield "# The zoo"
    yield ""
    yield "Made by `make zoo`; don't edit."
    yield ""
    yield "`modinspect show TARGET` without an input, on every model type that the auto classes of `transformers` know, in its"
    yield "default configuration and size, and on the models of `torchvision` and `timm` if they are installed. Each model runs"
    yield "in its own process, on one CPU core, without network, limited to 180 s and 8 GiB by default. A model that hits a"
    yield "limit counts as built."
    if earlier:
        yield f"{earlier} of the rows are from earlier runs with other code; models that had failed were run again."
    yield "If only a part of a library was run (`--only`), the table counts that part."
    yield ""
    yield from _summary_table(done)
    for family in _families(done):
        yield from _family(family, [row for row in done if row.family == family])


def _families(done: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.family for row in done))


def _line(family: str, done: Sequence[Row]) -> str:
    built, ran = _built(done), [row for row in done if row.ran]
    share = f" ({len(ran) / len(built):.1%})" if built else ""
    return f"{family}: {len(done)} models, {len(built)} built, {len(ran)} of them ran{share}"


def _built(done: Sequence[Row]) -> list[Row]:
    return [row for row in done if row.built]


def _summary_table(done: Sequence[Row]) -> Iterator[str]:
    yield "| library | models | built | ran | of built | without memory | all modalities |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for family in _families(done):
        of_it = [row for row in done if row.family == family]
        built, ran = _built(of_it), [row for row in of_it if row.ran]
        weightless = sum(row.execution == "weightless" for row in ran)
        whole = sum(not any("was given: the model takes none" in note for note in row.notes) for row in ran)
        share = f"{len(ran) / len(built):.1%}" if built else ""
        version = importlib.metadata.version(family)
        yield f"| {family} {version} | {len(of_it)} | {len(built)} | {len(ran)} | {share} | {weightless} | {whole} |"
    yield ""
    yield f"torch {importlib.metadata.version('torch')}. *Without memory*: parameters had shapes only."
    yield "*All modalities*: the input had every modality (text, image, video, audio) that `forward` has an argument for."
    yield ""


def _family(family: str, done: Sequence[Row]) -> Iterator[str]:
    yield f"## {family}"
    yield ""
    failed = [row for row in done if row.built and not row.ran]
    if failed:
        yield "### Built, and did not run"
        yield ""
        yield from _reasons(failed)
    unbuilt = [row for row in done if not row.built]
    if unbuilt:
        yield "### Not built"
        yield ""
        yield from _reasons(unbuilt)
    needy = [row for row in done if row.type in SETTINGS and row.family == "transformers"]
    if needy:
        yield "### Built with a setting"
        yield ""
        yield f"The default configuration of these {len(needy)} lacks a setting that they need, or"
        yield "contradicts itself:"
        yield ""
        yield from (f"- `{row.target}`" for row in needy)
        yield ""
    yield from _published(done)
    yield "### Ran"
    yield ""
    yield "| type | class | input | run | ops | hidden | parameters | FLOPs | s |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for row in done:
        if row.ran:
            yield (
                f"| {row.type} | {row.class_name} | {_given(row)} | {row.execution} | {row.ops} | {row.hidden_ops} "
                f"| {_short(row.params)} | {_flops(row)} | {row.seconds:.0f} |"
            )
    yield ""


def _published(done: Sequence[Row]) -> Iterator[str]:
    """Where what was counted differs by more than 1 % from what the library publishes."""
    known = [row for row in done if row.ran and row.published_params and row.published_gmacs]
    if not known:
        return
    other = [row for row in known if not (_same_params(row) and _same_macs(row))]
    yield "### Published numbers"
    yield ""
    yield f"torchvision publishes the parameters and the GMACs of {len(known)} of these models. {len(known) - len(other)} are"
    yield "the same here, within 1 %. The others:"
    yield ""
    yield "| model | parameters | published | GMACs | with fused attention | published | why |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for row in other:
        estimated = f"{row.estimated_flops / 2e9:.3f}" if row.estimated_flops is not None else "?"
        yield (
            f"| {row.type} | {row.params} | {row.published_params} | {row.flops / 2e9:.3f} | {estimated} "
            f"| {row.published_gmacs} | {DIFFERS.get(row.type, '')} |"
        )
    yield ""


def _same_params(row: Row) -> bool:
    return row.published_params is not None and abs(row.params / row.published_params - 1) < _NEAR


def _same_macs(row: Row) -> bool:
    counts = [row.flops, row.estimated_flops or row.flops]
    return row.published_gmacs is not None and any(abs(count / 2e9 / row.published_gmacs - 1) < _NEAR for count in counts)


def _reasons(done: Sequence[Row]) -> Iterator[str]:
    yield "| type | class | reason |"
    yield "| --- | --- | --- |"
    for row in done:
        yield f"| {row.type} | {row.class_name} | {_escaped(row.reason)} |"
    yield ""


def _given(row: Row) -> str:
    """The inputs, and where they are taken from unless that is the signature."""
    source = "" if row.how.startswith("the signature") else f" ({row.how.partition(' of ')[0]})"
    return _escaped(row.given + source)


def _flops(row: Row) -> str:
    """Those that are counted, with a mark where operators have no formula."""
    return _short(row.flops) + ("+?" if row.uncounted_ops else "")


def _short(number: int) -> str:
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
