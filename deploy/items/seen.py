"""Which items were answered before: a bit each, by where they are on `items`."""

from __future__ import annotations

from typing import Final

_BITS: Final = 1 << 16  # of one page: 8 KiB


class Seen:
    """A set of places that may lie far from 0 and then close together."""

    def __init__(self) -> None:
        """Begin without any."""
        self._pages: dict[tuple[int, int], bytearray] = {}

    def add(self, partition: int, offset: int) -> bool:
        """Take a place, and return whether it had been there."""
        page, bit = divmod(offset, _BITS)
        bits = self._pages.get((partition, page))
        if bits is None:
            bits = self._pages[partition, page] = bytearray(_BITS // 8)
        mask = 1 << (bit & 7)
        before = bool(bits[bit >> 3] & mask)
        bits[bit >> 3] |= mask
        return before
