"""The page: the words of the table, in elements that are balanced, load nothing and run nothing."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from modinspect.render.report.html import render as render_html
from modinspect.render.table import View, table_text
from modinspect.render.text import plain
from modinspect.report import Report
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
VIEWS = [View(), View(expand=True, aten=True), View(depth=0), View(depth=1), View(ops="compute"), View(ops="none")]

ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "div", "table", "thead", "tbody", "tr", "th",
    "td", "span", "abbr", "i",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "name", "content", "class", "title", "scope", "colspan", "role", "aria-label", "tabindex"
}  # fmt: skip
EMPTY = {"meta"}


class Page(HTMLParser):
    """A page taken apart: its elements, the text in them, and the rows of its table cell by cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements = Counter[str]()
        self.attributes: list[tuple[str, str]] = []
        self.title = self.style = self.policy = ""
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.classes: list[list[str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag == "tr":
            self.rows.append([])
            self.classes.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.classes[-1].append(given.get("class") or "")
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["title"]:
            self.title += data
        elif self._open[-1:] == ["style"]:
            self.style += data
        elif data.strip():
            self.words.append(data)
            if {"td", "th"} & set(self._open):
                self.rows[-1][-1] += ("  " if self.rows[-1][-1] and self._open[-1] == "span" else "") + data


def page(report: Report, view: View | None = None) -> Page:
    return Page(render_html(report, view or View()))


def test_each_row_has_its_cells_in_the_two_halves_and_the_columns() -> None:
    assert page(example()).rows[:6] == [
        ["", "registered", "hidden", "output", "params", "FLOPs", "where"],
        ["", "MyModel", "", "(1, 3)", "55", "130", ""],
        ["", "fc  Linear 10→5", "", "(1, 5)", "55", "100", "model.py:20"],
        ["", "relu  ReLU", "", "(1, 5)", "", "", "model.py:21"],
        ["", "", "torch.rand", "(3, 5)", "", "", "model.py:22"],
        ["◆", "", "F.linear  weight=torch.rand", "(1, 3)", "", "30", "model.py:22"],
    ]


def test_columns_that_would_be_empty_are_not_there() -> None:
    shown = page(registered_only())
    assert shown.rows[0] == ["", "registered", "params"]
    assert shown.rows[1] == ["", "Encoder", "460,288"]


def test_numbers_are_aligned_and_small_print_is_a_tooltip() -> None:
    shown = page(blocks())
    assert [place for place, name in enumerate(shown.classes[1]) if name == "number"] == [4, 5]
    hints = [value for name, value in shown.attributes if name == "title"]
    assert "100,663,296" in hints
    assert "model.py:33 in Net.forward" in hints
    marks = [value for name, value in page(example()).attributes if name == "title"]
    assert "unregistered tensor: no optimizer trains it, no state_dict saves it" in marks


def words_of(text: str) -> Counter[str]:
    """The words of a table or a page, whatever stands between them."""
    return Counter(re.sub("([✗…◆■∅○≡↺←→])", r" \1 ", re.sub("[─│├└╭╮╰╯]", " ", text)).split())


@pytest.mark.parametrize("make", REPORTS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_the_page_says_what_the_table_for_terminals_says_no_more_and_no_less(make: Callable[[], Report], view: View) -> None:
    assert words_of(" ".join(page(make(), view).words)) == words_of(table_text(make(), 400, view, "utf-8"))


def test_the_tree_is_drawn_by_the_level_of_a_row() -> None:
    html = render_html(example(), View())
    last = '<td class="tree"><i class="corner"></i></td><td><span class="bold magenta">F.linear</span>'
    assert last in html
    assert '<td class="tree"><i class="fork"></i><span>fc</span>' in html
    deeper = '<td class="tree"><i class="bar"></i><i class="fork"></i></td><td><span class="cyan">Tensor.add_</span>'
    assert deeper in render_html(awkward(), View())


def test_a_thousand_levels_are_numbered_and_not_drawn() -> None:
    run = Forward()
    paths = [".".join(["a"] * level) for level in range(1_000)]
    for path in paths[1:]:
        run.module(path, "Deep")
    calls = [run.call(path, (1, 5)) for path in paths]
    for call in calls:
        call.__enter__()
    run.op("torch.relu", (1, 5))
    for call in reversed(calls):
        call.__exit__(None, None, None)
    shown = page(run.report())
    assert shown.rows[1000][1] == "⋮999  a  Deep"
    assert shown.rows[1001][1:3] == ["⋮1000", "torch.relu"]
    assert shown.elements["i"] < 1_000 * 21


def test_what_went_wrong_stands_above_the_table() -> None:
    html = render_html(failing(), View())
    assert html.index("fc expects 10 features, got 288 from view at model.py:31") < html.index("<thead>")


@pytest.mark.parametrize("make", [*REPORTS, *HOSTILE_REPORTS], ids=lambda make: make.__name__)
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_a_page_is_balanced_and_of_known_elements_and_loads_nothing(make: Callable[[], Report], view: View) -> None:
    html = render_html(make(), view)
    shown = Page(html)
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
    assert set(shown.elements) <= ELEMENTS
    assert {name for name, _ in shown.attributes} <= ATTRIBUTES
    assert "url(" not in shown.style
    assert "@import" not in shown.style


def test_the_policy_lets_the_pages_own_style_in_and_nothing_else() -> None:
    shown = page(example())
    digest = base64.b64encode(hashlib.sha256(shown.style.encode()).digest()).decode()
    assert shown.policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("make", [*REPORTS, *HOSTILE_REPORTS], ids=lambda make: make.__name__)
def test_it_is_ascii_so_that_every_console_and_file_takes_it(make: Callable[[], Report]) -> None:
    html = render_html(make(), View(aten=True))
    assert html.isascii()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", html)


def test_text_that_is_not_ascii_arrives_as_it_is() -> None:
    run = Forward("пакет:Сеть", "Größe漢😀")
    with run.call("", (1,)):
        run.op("torch.relu", (1,))
    shown = page(run.report())
    assert shown.title == "пакет:Сеть"
    assert shown.rows[1][1] == "Größe漢😀"


@pytest.mark.parametrize("make", HOSTILE_REPORTS, ids=lambda make: make.__name__)
def test_hostile_names_stand_in_their_cells_as_text(make: Callable[[], Report]) -> None:
    shown, name = page(make(), View(aten=True)), plain(HOSTILE)
    assert shown.title == shown.words[0] == name
    assert "script" not in shown.elements
    assert "img" not in shown.elements
    model, module = shown.rows[shown.rows.index(next(row for row in shown.rows if "registered" in row)) + 1 :][:2]
    assert model[1] == name
    assert module[1].startswith(f"{name}  {name}")


@pytest.mark.parametrize("make", HOSTILE_REPORTS, ids=lambda make: make.__name__)
def test_a_hostile_name_adds_no_element_and_no_attribute(make: Callable[[], Report]) -> None:
    """The same report with harmless names is made of the same elements."""
    harmless = Report.from_dict(_renamed(make().to_dict()))
    hostile_page, tame = page(make(), View(aten=True)), page(harmless, View(aten=True))
    assert hostile_page.elements == tame.elements
    assert [name for name, _ in hostile_page.attributes] == [name for name, _ in tame.attributes]


def _renamed(value: object) -> object:
    if isinstance(value, str):
        return value.replace(HOSTILE, "a.name")
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if isinstance(value, dict):
        return {key: _renamed(item) for key, item in value.items()}
    return value


# --- in a browser

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome is on the PATH")
SCRIPT = "<script>document.title = 'ran'</script>"


def opened(html: str, folder: Path) -> str:
    """The document that a browser makes of a page, after its scripts, if any."""
    (folder / "page.html").write_text(html, encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
        "--disable-component-update", "--no-first-run", f"--user-data-dir={folder / 'profile'}", "--dump-dom",
        (folder / "page.html").as_uri(),
    ]  # fmt: skip
    ran = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=120)
    return ran.stdout


@pytest.mark.process
@in_a_browser
def test_in_a_browser_hostile_names_are_text_and_no_script_runs(tmp_path: Path) -> None:
    html = render_html(hostile_to_the_end(), View(aten=True))
    shown = Page(opened(html, tmp_path))
    assert shown.title == plain(HOSTILE)
    assert set(shown.elements) <= ELEMENTS
    assert shown.rows == Page(html).rows


@pytest.mark.process
@in_a_browser
def test_in_a_browser_the_policy_stops_a_script_that_a_page_without_it_would_run(tmp_path: Path) -> None:
    html = render_html(example(), View()).replace("</body>", f"{SCRIPT}</body>")
    assert Page(opened(html, tmp_path)).title == "modinspect.examples.MyModel"
    assert Page(opened(re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", html), tmp_path)).title == "ran"
