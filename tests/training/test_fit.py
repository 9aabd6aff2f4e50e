"""Sizes, the largest batch that fits, and which blocks to checkpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modinspect.errors import InputError
from modinspect.memory import parse_size
from modinspect.training.fit import blocks_to_checkpoint, largest_batch


@pytest.mark.parametrize(
    ("text", "size"), [("24GiB", 24 * 2**30), ("80GB", 80 * 10**9), ("1.5 MiB", 3 * 2**19), ("512b", 512), ("7tib", 7 * 2**40)]
)
def test_sizes_have_a_number_and_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["24", "GiB", "24 gigs", "-3GB", "", "1e3GB"])
def test_a_size_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="isn't a size") as raised:
        parse_size(text)
    assert "24GiB" in raised.value.hint


@given(st.integers(0, 10**9), st.integers(1000, 10**8), st.integers(1, 64), st.integers(1, 10**11))
def test_the_largest_batch_is_the_last_that_fits_where_the_peak_is_a_line(
    fixed: int, each: int, batch: int, limit: int
) -> None:
    tries: list[int] = []

    def peak(size: int) -> int:
        tries.append(size)
        return fixed + each * size

    found = largest_batch(peak, limit, batch, fixed + each * batch)
    assert found == max(0, (limit - fixed) // each)
    assert len(tries) <= 64


def test_the_largest_batch_is_measured_where_the_peak_grows_in_steps() -> None:
    def peak(size: int) -> int:
        return 1000 + 100 * size + 7 * (size // 3) * 10

    found = largest_batch(peak, 5000, 4, peak(4))
    assert peak(found) <= 5000 < peak(found + 1)


def test_the_repeated_blocks_that_keep_the_most_are_named() -> None:
    kept = {"": 100, "h.0": 30, "h.0.mlp": 20, "h.0.mlp.0": 9, "h.1": 30, "heads.0": 5, "heads.1": 5, "only.0": 90}
    assert blocks_to_checkpoint(kept) == "h.*"
    assert blocks_to_checkpoint({"": 10, "fc": 10}) is None
    assert blocks_to_checkpoint({"": 10, "0": 5, "1": 5}) == "*"
