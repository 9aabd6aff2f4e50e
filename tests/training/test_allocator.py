"""The simulated allocator against requests worked out by hand from the rules of CUDACachingAllocator."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from modinspect.training.allocator import CachingAllocator

MIB = 1 << 20


def test_requests_are_rounded_up_to_512_bytes() -> None:
    allocator = CachingAllocator()
    blocks = [allocator.allocate(size) for size in (1, 512, 513)]
    assert [block.size for block in blocks] == [512, 512, 1024]
    assert allocator.allocated == 2048


def test_a_large_request_takes_the_whole_block_where_at_most_a_mebibyte_would_be_left() -> None:
    allocator = CachingAllocator()
    # A segment of its own is rounded up to 2 MiB: 11.5 MiB leave 0.5 MiB of 12, which are not split off.
    assert allocator.allocate(23 * MIB // 2).size == 12 * MIB
    # 10.5 MiB leave 1.5 MiB of 12, which are.
    assert allocator.allocate(21 * MIB // 2).size == 21 * MIB // 2


def test_a_freed_block_is_merged_with_its_neighbours_and_used_again() -> None:
    allocator = CachingAllocator()
    first, second = allocator.allocate(6 * MIB), allocator.allocate(6 * MIB)  # of one segment of 20 MiB
    allocator.release(first)
    allocator.release(second)
    assert allocator.allocated == 0
    assert allocator.allocate(20 * MIB).size == 20 * MIB  # the whole segment is free again


def test_the_smallest_block_that_fits_is_taken() -> None:
    allocator = CachingAllocator()
    large, small = allocator.allocate(30 * MIB), allocator.allocate(14 * MIB)
    allocator.release(large)
    allocator.release(small)
    assert allocator.allocate(13 * MIB).address == small.address


def test_the_peak_is_the_most_since_it_was_reset() -> None:
    allocator = CachingAllocator()
    allocator.release(allocator.allocate(4 * MIB))
    assert (allocator.allocated, allocator.peak) == (0, 4 * MIB)
    allocator.reset_peak()
    allocator.allocate(2 * MIB)
    assert allocator.peak == 2 * MIB


@given(st.lists(st.tuples(st.integers(1, 40 * MIB), st.booleans()), max_size=60))
def test_blocks_in_use_never_overlap_and_sum_up_to_what_is_allocated(requests: list[tuple[int, bool]]) -> None:
    allocator = CachingAllocator()
    used = []
    for size, free_one in requests:
        block = allocator.allocate(size)
        assert block.size >= size
        used.append(block)
        if free_one:
            allocator.release(used.pop(len(used) // 2))
    assert allocator.allocated == sum(block.size for block in used)
    spans = sorted((block.address, block.address + block.size) for block in used)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
