"""Markdown: the words of the table, in tables and folded blocks that GitHub renders, with nothing active in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from modinspect.render.report.markdown import escaped
from modinspect.render.report.markdown import render as render_markdown
from modinspect.render.table import View, table_text
from modinspect.render.text import plain
from modinspect.report import ForwardError, Report
from tests.data_helpers import replace
from tests.render.render_reports import (
    HOSTILE,
    Forward,
    awkward,
    blocks,
    example,
    failing,
    hostile,
    hostile_not_run,
    hostile_to_the_end,
    registered_only,
)

REPORTS = [example, blocks, awkward, failing, registered_only]
HOSTILE_REPORTS = [hostile, hostile_to_the_end, hostile_not_run]
VIEWS = [View(), View(expand=True, aten=True), View(depth=1), View(ops="none")]
ELEMENTS = {
    "h3", "p", "code", "pre", "strong", "em", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "details", "summary",
    "br",
}  # fmt: skip


class Page(HTMLParser):
    """The elements and the words that a Markdown parser makes of a page."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def words_of(text: str) -> set[str]:
    return set(re.sub("([✗…◆■∅○≡↺←→])", r" \1 ", re.sub("[─│├└╭╮╰╯]|\\[!CAUTION\\]", " ", text)).split())


@pytest.mark.parametrize("make", REPORTS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_it_says_what_the_table_for_terminals_says(make: Callable[[], Report], view: View) -> None:
    shown = Page(render_markdown(make(), view))
    assert words_of(shown.text) == words_of(table_text(make(), 400, view, "utf-8"))


@pytest.mark.parametrize("make", [example, failing, blocks], ids=lambda make: make.__name__)
def test_the_page(make: Callable[[], Report], snapshot: SnapshotAssertion) -> None:
    assert render_markdown(make(), View()) == snapshot


def test_rows_below_a_folded_row_are_in_a_block_that_opens() -> None:
    before, _, after = render_markdown(blocks(), View()).partition("<details><summary>layers.0–11 Block ×12</summary>\n\n|")
    assert "| &emsp;<code>layers.0–11</code> Block **×12** |" in before
    assert "LayerNorm" not in before
    assert "|  | <code>norm</code> LayerNorm |" in after.partition("</details>")[0]
    assert "<details>" not in render_markdown(blocks(), View(expand=True))


@pytest.mark.parametrize("make", [*REPORTS, *HOSTILE_REPORTS], ids=lambda make: make.__name__)
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_names_become_no_link_no_image_and_no_html(make: Callable[[], Report], view: View) -> None:
    shown = Page(render_markdown(make(), view))
    assert shown.elements <= ELEMENTS
    assert shown.attributes <= {"class", "style"}  # the language of a code block, the alignment of a column


@pytest.mark.parametrize("make", HOSTILE_REPORTS, ids=lambda make: make.__name__)
def test_hostile_names_are_read_as_they_are(make: Callable[[], Report]) -> None:
    name = plain(HOSTILE)
    text = Page(render_markdown(make(), View())).text
    assert text.split("\n")[0].strip() == name
    assert f" {name}  {name}" in text  # the module's name and class


def test_a_code_fence_is_longer_than_those_in_the_message() -> None:
    report = failing()
    assert report.error is not None
    error = replace(report.error, message="a\n```\n<b>b</b>\n````")
    shown = Page(render_markdown(replace(report, error=error), View()))
    assert "b" not in shown.elements
    assert "<b>b</b>" in shown.text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b|c", r"a_b\|c"),
        ("__init__", r"\_\_init\_\_"),
        ("*x* [a](b) `c`", r"\*x\* \[a\](b) \`c\`"),
        ("@user", "@<!-- -->user"),
        ("https://a.b www.c", r"https\://a.b www\.c"),
        ("a\nb", "a<br>b"),
        ("model.py:31", "model.py:31"),
    ],
)
def test_what_markdown_would_act_on_is_escaped(text: str, written: str) -> None:
    assert escaped(text) == written


def test_a_summary_is_html_not_markdown() -> None:
    run = Forward()
    for index in range(3):
        run.module(f"a.{index}", "<b>@all*")
        run.module(f"a.{index}.c", "C")
    with run.call("", (1,)):
        for index in range(3):
            with run.call(f"a.{index}", (1,)):
                run.layer(f"a.{index}.c", (1,))
    assert "<summary>a.0–2 &lt;b&gt;@<!-- -->all* ×3</summary>" in render_markdown(run.report(), View())


def test_an_error_without_an_op_has_its_box() -> None:
    report = replace(example(), error=ForwardError("ValueError", "no", "fc", None))
    assert "> [!CAUTION]\n> ✗ ValueError in fc (Linear)\n>\n> ```text\n> no\n> ```\n" in render_markdown(report, View())
