"""Which items of two sequences correspond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modinspect.comparison import align
from modinspect.comparison.align import Run, aligned

items = st.lists(st.sampled_from("abc"), max_size=14)


def longest_common(a: list[str], b: list[str]) -> int:
    """How many items two sequences have in common, in order."""
    row = [0] * (len(b) + 1)
    for item in a:
        above, row = row, [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if item == other else max(above[j + 1], row[j]))
    return row[-1]


def size(runs: list[Run]) -> int:
    return sum(run[2] for run in runs)


def check_runs(a: list[str], b: list[str], runs: list[Run]) -> None:
    """That ``runs`` are of equal items, and in order."""
    at_a = at_b = 0
    for start_a, start_b, length in runs:
        assert at_a <= start_a
        assert at_b <= start_b
        assert a[start_a : start_a + length] == b[start_b : start_b + length] != []
        at_a, at_b = start_a + length, start_b + length


@given(items, items)
def test_as_many_items_correspond_as_can_in_order(a: list[str], b: list[str]) -> None:
    runs = aligned(a, b)
    check_runs(a, b, runs)
    assert size(runs) == longest_common(a, b)


@given(items, items)
def test_the_other_way_round_the_same_ones_do(a: list[str], b: list[str]) -> None:
    assert aligned(b, a) == [(j, i, length) for i, j, length in aligned(a, b)]


def test_the_longest_run_is_not_taken_where_it_leaves_more_over() -> None:
    before, after = list("mrammrammra"), list("msrammramsmra")
    assert size(aligned(before, after)) == len(before)


@pytest.mark.parametrize("most", [0, 3])
def test_where_too_much_differs_for_the_most_the_longest_runs_are_taken(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """0 is seen before anything is tried, 3 on the way."""
    monkeypatch.setattr(align, "_MOST_EDITS", most)
    a, b = list("xabcabcy"), list("cabbacab")
    runs = aligned(a, b)
    check_runs(a, b, runs)
    assert (1, 5, 2) in runs or (3, 0, 3) in runs
    assert aligned(b, a) == [(j, i, length) for i, j, length in runs]


def test_models_of_thousands_of_ops_are_compared_in_no_time() -> None:
    block = [f"op {number}" for number in range(10)]
    before, after = block * 2_000, (block * 10 + ["new"]) * 200
    assert size(aligned(before, after)) == len(before)
    assert size(aligned(block * 300, [f"{item}?" for item in block] * 300)) == 0
