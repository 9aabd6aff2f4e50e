"""Strings from a model made harmless, numbers made short, strings cut to a width."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from modinspect.render.text import (
    amount,
    aten_name,
    compact,
    cut_left,
    cut_path,
    cut_right,
    data_size,
    percent,
    place,
    plain,
    shape_text,
    some,
)
from modinspect.report import Source, short_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fc", "fc"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("größe 漢", "größe 漢"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]8;;http://a\x07link", "\\x1b]8;;http://a\\x07link"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("two\nlines\ttab", "two\\x0alines\\x09tab"),
        ("a\u2028b", "a\\u2028b"),
        ("::error::x", "\\x3a:error::x"),
        ("a ::Warning file=a,line=1::x", "a \\x3a:Warning file=a,line=1::x"),
        ("::stop-commands::token", "\\x3a:stop-commands::token"),
        ("::error \n::x", "\\x3a:error \\x0a::x"),
        ("a##[error]x", "a\\x23#[error]x"),
        ("at::native::add, c10::Error: x", "at::native::add, c10::Error: x"),
        ("fc::error", "fc::error"),
        ("### [x] ##", "### [x] ##"),
    ],
)
def test_what_a_terminal_would_act_on_is_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_message_keeps_its_lines_and_nothing_else() -> None:
    assert plain("one\r\ntwo\tx\x1b[0m", lines=True) == "one\ntwo x\\x1b[0m"
    assert plain("one\n  ::debug::two", lines=True) == "one\n  \\x3a:debug::two"


@given(st.text(st.characters(), max_size=20))
def test_plain_text_prints_on_one_line_in_utf8(text: str) -> None:
    shown = plain(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("number", "short"),
    [
        (0, "0"),
        (55, "55"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (99_949, "99.9 k"),
        (99_950, "100 k"),
        (999_499, "999 k"),
        (999_996, "1.00 M"),
        (7_087_872, "7.09 M"),
        (109_482_240, "109 M"),
        (1_234_000_000_000, "1.23 T"),
    ],
)
def test_numbers_keep_three_digits(number: int, short: str) -> None:
    assert compact(number) == short


@pytest.mark.parametrize(("count", "size"), [(0, "0 B"), (220, "220 B"), (1024, "1.00 KiB"), (437_928_960, "418 MiB")])
def test_bytes_are_counted_in_powers_of_1024(count: int, size: str) -> None:
    assert data_size(count) == size


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [(30, 130, "23 %"), (0, 5, "0 %"), (5, 5, "100 %"), (1, 1_000, "<1 %"), (999, 1_000, ">99 %")],
)
def test_a_share_is_never_rounded_to_nothing_or_to_all(part: int, whole: int, share: str) -> None:
    assert percent(part, whole) == share


def test_one_thing_is_not_plural() -> None:
    assert [amount(1, "op"), amount(0, "op"), amount(1_234, "op")] == ["1 op", "0 ops", "1,234 ops"]


@pytest.mark.parametrize(
    ("shape", "dtype", "text"),
    [
        ((1, 5), "float32", "(1, 5)"),
        ((5,), "float32", "(5,)"),
        ((), "float32", "()"),
        ((2, None), "float32", "(2, ?)"),
        (None, "float32", "?"),
        ((1, 128), "int64", "(1, 128) int64"),
        ((1,), "torch.bool", "(1,) bool"),
    ],
)
def test_a_shape_reads_as_in_python(shape: tuple[int | None, ...] | None, dtype: str, text: str) -> None:
    assert shape_text(shape, dtype) == text


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("torch.nn.functional.linear", "F.linear"),
        ("torch.Tensor.add", "Tensor.add"),
        ("torch.Tensor.__getitem__", "Tensor[…]"),
        ("torch.Tensor.__setitem__", "Tensor[…] = …"),
        ("torch.Tensor.__bool__", "bool(Tensor)"),
        ("torch.cat", "torch.cat"),
        ("torch.ops.aten.relu", "torch.ops.aten.relu"),
    ],
)
def test_ops_are_called_as_people_write_them(name: str, short: str) -> None:
    assert short_name(name) == short


def test_aten_operators_keep_only_what_tells_them_apart() -> None:
    assert [aten_name(name) for name in ("aten.addmm.default", "aten.add.Tensor", "mylib.fuse.default")] == [
        "addmm",
        "add.Tensor",
        "mylib.fuse",
    ]


def test_a_place_in_an_installed_package_begins_with_the_package() -> None:
    assert place(Source("src/model.py", 31, "f")) == "src/model.py:31"
    assert place(Source("/usr/lib/python3.11/site-packages/timm/layers/mlp.py", 7, "f")) == "timm/layers/mlp.py:7"
    assert place(Source("C:\\venv\\Lib\\site-packages\\timm\\a.py", 7, "f")) == "timm/a.py:7"
    assert place(Source("<eval_with_key>.3 from /home/me/model.py:8 in forward", 7, "f")) == "<eval_with_key>.3:7"
    assert place(None) == ""


def test_paths_are_cut_between_folders_while_that_is_possible() -> None:
    path = "transformers/models/bert/modeling_bert.py:287"
    assert cut_path(path, 45) == path
    assert cut_path(path, 44) == "…/models/bert/modeling_bert.py:287"
    assert cut_path(path, 22) == "…/modeling_bert.py:287"
    assert cut_path(path, 21) == "modeling_bert.py:287"[-21:]
    assert cut_path(path, 12) == "…bert.py:287"


def test_cutting_counts_cells_and_not_characters() -> None:
    assert cut_right("漢字漢字", 5) == "漢字…"
    assert cut_left("漢字漢字", 5) == "…漢字"
    assert cut_right("abc", 3) == cut_left("abc", 3) == "abc"


@given(st.text(max_size=12), st.integers(1, 12))
def test_what_is_cut_fits(text: str, width: int) -> None:
    assert cell_len(cut_right(plain(text), width)) <= width
    assert cell_len(cut_left(plain(text), width)) <= width
    assert cell_len(cut_path(plain(text), width)) <= width


def test_only_the_first_of_many_are_named() -> None:
    assert some(["a", "b"], 2) == "a, b"
    assert some(["a", "b", "c", "d"], 2) == "a, b …+2"
