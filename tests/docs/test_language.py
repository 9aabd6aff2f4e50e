"""Phrases that made the text hard to read and must not come back: docs/style.md says what to write in their place."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from modinspect.cli.app import COMMANDS, run

ROOT = Path(__file__).parents[2]

PHRASES = {
    r"(?<!there )\bis no (?!longer\b|more\b)\w+": "isn't a ...",
    r"\b(?:stands|stood) (?:in (?!for\b)|on|at|above|below|beside|there|behind|left)": "is",
    r"\bbut for\b(?! example| instance)": "except",
    r"\bbeside\b": "next to, in addition to",
    r"\bwhat (?:is|was|it is|they are) told\b": "name the thing",
    r"\bwhoever\b": "name the person or the code",
    r"(?:^|[.;:,(] )whatever (?!it\b)\w+ \w+s\b": "everything that",
    r"\b(?:is|are) those of\b": "repeat the noun",
    r"\b(?:that|this|these|by|for|of) alone\b": "only",
    r"\bso that\b[^.]{1,60}\bso that\b": "two sentences",
}
"""Patterns, and what to write in place of each."""

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in ("style.md", "zoo.md")),
]
PAGES.remove(ROOT / "docs" / "reading-the-table.md")
SOURCES = sorted((ROOT / "src").rglob("*.py"))
SOURCES.remove(ROOT / "src" / "modinspect" / "render" / "table" / "summary.py")


def wrong(text: str) -> list[str]:
    """The phrases in a text that is one paragraph."""
    flat = " ".join(text.split())
    return [f"{match[0]!r} in {flat[max(0, match.start() - 30) : match.end() + 20]!r}" for match in hits(flat)]


def hits(text: str) -> Iterator[re.Match[str]]:
    for pattern in PHRASES:
        yield from re.finditer(pattern, text, re.IGNORECASE)


def prose(markdown: str) -> list[str]:
    """The paragraphs of a page, without code."""
    return re.split(r"\n\s*\n|\n(?=[-|#*] ?)", re.sub(r"```.*?```|`[^`\n]+`|^ {4}[^\n]*$", "", markdown, flags=re.S | re.M))


def words_of_code(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the comments and the strings in Python code; comments on lines of their own are joined."""
    comment, first, last = "", 0, -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            if line == last + 1:
                comment += token.string.lstrip("#")
            else:
                yield first, comment
                comment, first = token.string.lstrip("#"), line
            last = line
    yield first, comment
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for paragraph in re.split(r"\n\s*\n", node.value):
                yield node.lineno, re.sub(r"``[^`]+``|`[^`\n]+`", "", paragraph)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_are_in_plain_english(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [found for paragraph in prose(text) for found in wrong(paragraph)] == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT / "src" / "modinspect")))
def test_docstrings_comments_and_messages_are_in_plain_english(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert [f"{line}: {found}" for line, text in words_of_code(source) for found in wrong(text)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_is_in_plain_english(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # so that no text is wrapped
    assert run([command, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert "--help" in help_text
    assert wrong(help_text) == []


@pytest.mark.parametrize(
    "text",
    [
        "x is no literal",
        "the class stands beside it",
        "all but for the last",
        "torch beside numpy",
        "Whoever reads this",
        "the rows are those of one block",
        "it reads that alone",
        "so that a is b, so that c is d",
    ],
)
def test_a_phrase_is_found(text: str) -> None:
    assert wrong(text)


@pytest.mark.parametrize(
    "text",
    [
        "it is no longer there",
        "leave it alone, that is fine",
        "but for example this",
        "standalone",
        "so that it works",
        "it stands in for torch",
    ],
)
def test_ordinary_sentences_are_not_found(text: str) -> None:
    assert wrong(text) == []
