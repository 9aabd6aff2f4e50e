"""What repeats is found, and only what repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modinspect.render.table.fold import Run, find_runs
from modinspect.render.table.tree import grow, lay_out, span, without_numbers


def runs(keys: str, weight: int = 1) -> list[tuple[str, int]]:
    """Each run as what repeats and how often: ``[("ab", 3)]`` for ``ababab``."""
    found = find_runs([ord(key) for key in keys], [weight] * len(keys))
    return [(keys[run.start : run.start + run.period], run.times) for run in found]


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("", []),
        ("abc", [("a", 1), ("b", 1), ("c", 1)]),
        ("aaa", [("a", 3)]),
        ("xaaay", [("x", 1), ("a", 3), ("y", 1)]),
        ("ababab", [("ab", 3)]),
        ("aabaabaab", [("aab", 3)]),
        ("abcabcabcabc", [("abc", 4)]),
    ],
)
def test_the_period_that_covers_most_is_taken(keys: str, found: list[tuple[str, int]]) -> None:
    assert runs(keys) == found


def test_two_single_rows_stay_two_rows_and_two_long_blocks_fold() -> None:
    assert runs("aa") == [("a", 1), ("a", 1)]
    assert runs("aa", weight=5) == [("a", 2)]
    assert runs("abab") == [("a", 1), ("b", 1), ("a", 1), ("b", 1)]
    assert runs("abab", weight=5) == [("ab", 2)]


@given(st.lists(st.integers(0, 2), max_size=40))
def test_runs_cover_the_sequence_once_and_each_round_is_alike(keys: list[int]) -> None:
    again: list[int] = []
    for run in find_runs(keys, [1] * len(keys)):
        assert run.start == len(again)
        again += keys[run.start : run.start + run.period] * run.times
    assert again == keys


def test_a_hundred_thousand_items_are_one_run() -> None:
    assert find_runs([7] * 100_000, [1] * 100_000) == [Run(0, 1, 100_000)]


def test_names_that_differ_in_numbers_become_one() -> None:
    assert without_numbers("layers.3.fc2") == "layers.#.fc#"
    assert span(["layers.0", "layers.1", "layers.2"]) == "layers.0–2"
    assert span(["0", "2", "4"]) == "0…4"
    assert span(["a.9", "a.10", "a.11"]) == "a.9–11"
    assert span(["fc"] * 3) == "fc"
    assert without_numbers("<ReLU>#12") == without_numbers("<ReLU>") == "<ReLU>"
    assert span(["<ReLU>", "<ReLU>#2", "<ReLU>#3"]) == "<ReLU>#1–3"
    assert span(["<ReLU>#2"]) == "<ReLU>#2"
    assert span(["x" + "1" * 5_000, "x" + "2" * 5_000]) == "x" + "1" * 5_000 + "…" + "2" * 5_000


def test_subtrees_are_alike_when_all_below_them_is() -> None:
    children = {0: [1, 2, 3], 1: [4], 2: [5], 3: [6]}
    labels = {0: "root", 1: "block", 2: "block", 3: "block", 4: "fc", 5: "fc", 6: "other"}
    keys = grow([0], children, labels).keys
    assert keys[1] == keys[2] != keys[3]


def test_a_tree_of_ten_thousand_levels_is_walked() -> None:
    deep = 10_000
    children = {node: [node + 1] for node in range(deep)}
    tree = grow([0], children, dict.fromkeys(range(deep + 1), "a"))
    assert max(spot.place.level for spot in lay_out(tree, fold=True)) == deep
