"""Torch's caching allocator for CUDA, simulated: how many bytes count as allocated after a series of requests.

``torch.cuda.memory_allocated`` counts blocks, not requests: a request is rounded up, and a cached block that is a little larger
is handed out whole. The rules and constants are from ``c10/cuda/CUDACachingAllocator.cpp`` with its default settings.
"""

from __future__ import annotations

from bisect import bisect_left, insort

_ROUND = 512
"""Requests are rounded up to a multiple of this."""

_SMALL = 1 << 20
"""Requests up to this size come from a pool of their own."""

_SMALL_SEGMENT = 2 << 20
_LARGE_SEGMENT = 20 << 20
_SEGMENT_OF_ITS_OWN = 10 << 20
"""From this size on, a segment is made for one request, rounded up to :data:`_SEGMENT_ROUND`."""

_SEGMENT_ROUND = 2 << 20
_ADDRESS_STEP = 1 << 50


class Block:
    """A stretch of a segment. ``before`` and ``after`` are its neighbours there."""

    __slots__ = ("address", "after", "before", "size", "small", "used")

    def __init__(self, size: int, address: int, *, small: bool) -> None:
        self.size = size
        self.address = address
        self.small = small
        self.used = False
        self.before: Block | None = None
        self.after: Block | None = None


class CachingAllocator:
    """Hands out blocks. ``allocated`` are the bytes in use, ``peak`` the most since :meth:`reset_peak`."""

    def __init__(self) -> None:
        self.allocated = 0
        self.peak = 0
        self._free: dict[bool, list[tuple[int, int, Block]]] = {True: [], False: []}
        self._segments = 0

    def reset_peak(self) -> None:
        """Begins a new measurement of the peak."""
        self.peak = self.allocated

    def allocate(self, nbytes: int) -> Block:
        """The best fit among the cached blocks, or one in a new segment."""
        size = max(_ROUND, -(-nbytes // _ROUND) * _ROUND)
        block = self._cached(size, small=size <= _SMALL) or self._segment(size)
        rest = block.size - size
        if rest >= _ROUND if block.small else rest > _SMALL:
            self._split(block, size)
        block.used = True
        self.allocated += block.size
        self.peak = max(self.peak, self.allocated)
        return block

    def release(self, block: Block) -> None:
        """Returns a block to the cache, merged with free neighbours."""
        self.allocated -= block.size
        block.used = False
        before, after = block.before, block.after
        if before is not None and not before.used:
            self._forget(before)
            block.address, block.size, block.before = before.address, before.size + block.size, before.before
            if block.before is not None:
                block.before.after = block
        if after is not None and not after.used:
            self._forget(after)
            block.size, block.after = block.size + after.size, after.after
            if block.after is not None:
                block.after.before = block
        self._keep(block)

    def _cached(self, size: int, *, small: bool) -> Block | None:
        free = self._free[small]
        index = bisect_left(free, (size, 0))
        return free.pop(index)[2] if index < len(free) else None

    def _segment(self, size: int) -> Block:
        small = size <= _SMALL
        if small:
            whole = _SMALL_SEGMENT
        elif size < _SEGMENT_OF_ITS_OWN:
            whole = _LARGE_SEGMENT
        else:
            whole = -(-size // _SEGMENT_ROUND) * _SEGMENT_ROUND
        self._segments += 1
        return Block(whole, self._segments * _ADDRESS_STEP, small=small)

    def _split(self, block: Block, size: int) -> None:
        rest = Block(block.size - size, block.address + size, small=block.small)
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        self._keep(rest)

    def _keep(self, block: Block) -> None:
        insort(self._free[block.small], (block.size, block.address, block))

    def _forget(self, block: Block) -> None:
        free = self._free[block.small]
        del free[bisect_left(free, (block.size, block.address))]
