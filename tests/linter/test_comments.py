from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modinspect.linter.comments import Comment, comments_in
from modinspect.report import Source


def read(tmp_path: Path, text: str) -> tuple[Comment, ...]:
    file = tmp_path / "net.py"
    file.write_text(text, encoding="utf-8")
    return comments_in(str(file))


def test_a_comment_speaks_for_its_line(tmp_path: Path) -> None:
    (comment,) = read(tmp_path, "a = 1\nb = f(a)  # modinspect: ignore[MI103]\nc = 2\n")
    assert (comment.line, comment.first, comment.last, comment.selectors) == (2, 2, 2, ("MI103",))
    assert comment.code == "b = f(a)  # modinspect: ignore[MI103]"
    assert not comment.on_own_line


def test_a_comment_speaks_for_all_lines_of_its_statement(tmp_path: Path) -> None:
    text = 'before = 0\nx = f(\n    a,  # modinspect: ignore[MI103]\n    """two\nlines""",\n)\nafter = 0\n'
    (comment,) = read(tmp_path, text)
    assert (comment.line, comment.first, comment.last) == (3, 2, 6)
    assert [comment.covers(Source(comment.file, line, "f")) for line in (1, 2, 4, 6, 7)] == [False, True, True, True, False]


def test_a_comment_behind_a_header_does_not_speak_for_the_body(tmp_path: Path) -> None:
    (comment,) = read(tmp_path, "if a:  # modinspect: ignore[MI501]\n    b = 1\n")
    assert (comment.first, comment.last) == (1, 1)


def test_a_comment_in_a_line_of_its_own_stands_in_no_statement(tmp_path: Path) -> None:
    (comment,) = read(tmp_path, "a = 1\n# modinspect: ignore[MI103]\nb = 2\n")
    assert comment.on_own_line
    assert (comment.first, comment.last) == (2, 2)


@pytest.mark.parametrize(
    ("comment", "named"),
    [
        ("# modinspect: ignore[MI103,MI104]", ("MI103", "MI104")),
        ("# modinspect:ignore[ MI103 , MI104 ]", ("MI103", "MI104")),
        ("# type: ignore  # modinspect: ignore[MI103]  # noqa", ("MI103",)),
        ("# modinspect: ignore", ()),
        ("# modinspect: ignore[]", ()),
    ],
)
def test_a_comment_names_rules(tmp_path: Path, comment: str, named: tuple[str, ...]) -> None:
    (found,) = read(tmp_path, f"x = 1  {comment}\n")
    assert found.selectors == named


@pytest.mark.parametrize(
    "text",
    [
        'x = "# modinspect: ignore[MI103]"\n',
        '"""\nx = 1  # modinspect: ignore[MI103]\n"""\n',
        "x = 1  # modinspect: ignored[MI103]\n",
        "x = 1  # modinspect: a tool\n",
        "modinspect: int = ignore[MI103]\n",
    ],
)
def test_what_only_looks_like_a_comment_is_none(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ()


def test_comments_before_something_that_is_no_python_are_read(tmp_path: Path) -> None:
    (comment,) = read(tmp_path, "x = 1  # modinspect: ignore[MI103]\ny = (\n")
    assert comment.selectors == ("MI103",)


def test_other_encodings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_bytes("# -*- coding: latin-1 -*-\nx = 'é'  # modinspect: ignore[MI103]\n".encode("latin-1"))
    (comment,) = comments_in(str(file))
    assert (comment.line, comment.code) == (2, "x = 'é'  # modinspect: ignore[MI103]")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe # modinspect: ignore[MI103]\n", b"# coding: nonsense\n# modinspect: ignore[x]\n"]
)
def test_bytes_that_are_no_python_hold_no_comments(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "net.py"
    file.write_bytes(content)
    assert comments_in(str(file)) == ()


@pytest.mark.parametrize("name", ["<string>", "no/such/file.py", "a\0b", "."])
def test_what_is_no_file_holds_no_comments(name: str) -> None:
    assert comments_in(name) == ()


lines = st.sampled_from(
    [
        "x = f(",
        ")",
        "# modinspect: ignore[MI103]",
        '"""',
        "if x:",
        "    y",
        "\\",
        "\f",
        "\0",
        "é",
        "[",
        "  z  # modinspect: ignore",
    ]
)


@given(st.lists(lines, max_size=8), st.sampled_from(["\n", "\r\n", "\r", " "]))
def test_any_text_is_read_and_each_comment_lies_in_its_lines(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], end: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.py"
    file.write_text("modinspect:\n" + end.join(parts), encoding="utf-8", newline="")
    assert all(comment.first <= comment.line <= comment.last for comment in comments_in(str(file)))
