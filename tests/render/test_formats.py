"""The registries of formats, from which ``--format`` and the docs are made."""

from __future__ import annotations

from importlib import import_module

import pytest

from modinspect.render import DIFFERENCE_FORMATS, LINT_FORMATS, REPORT_FORMATS, RULE_FORMATS, Format

REGISTRIES = {"show": REPORT_FORMATS, "lint": LINT_FORMATS, "diff": DIFFERENCE_FORMATS, "explain": RULE_FORMATS}
ALL = [pytest.param(known, id=f"{command}-{known.name}") for command, formats in REGISTRIES.items() for known in formats]


@pytest.mark.parametrize("known", ALL)
def test_the_module_of_a_format_can_render(known: Format) -> None:
    assert known.module.startswith("modinspect.render.")
    assert callable(import_module(known.module).render)
    assert known.help


@pytest.mark.parametrize("formats", REGISTRIES.values(), ids=REGISTRIES)
def test_names_are_unique_and_text_comes_first(formats: tuple[Format, ...]) -> None:
    names = [known.name for known in formats]
    assert len(set(names)) == len(names)
    assert names[0] == "text"
