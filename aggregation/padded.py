"""Scores in order between zeros and ones that take no memory: a count may say that billions of items are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload


class Padded(Sequence[float]):
    """Zeros, then scores in [0,1] with the lowest first, then ones."""

    __slots__ = ("known", "ones", "zeros")

    def __init__(self, zeros: int, known: Sequence[float], ones: int = 0) -> None:
        """Put `zeros` times 0 before the scores and `ones` times 1 after them."""
        if isinstance(known, Padded):
            inner: Padded = known
            zeros, known, ones = zeros + inner.zeros, inner.known, inner.ones + ones
        self.zeros: int = zeros
        self.known: Sequence[float] = known
        self.ones: int = ones

    def __len__(self) -> int:
        return self.zeros + len(self.known) + self.ones

    @overload
    def __getitem__(self, place: int) -> float: ...
    @overload
    def __getitem__(self, place: slice) -> Padded: ...
    def __getitem__(self, place: int | slice) -> float | Padded:
        if isinstance(place, slice):
            return self._part(*place.indices(len(self))[:2])
        place = range(len(self))[place] - self.zeros
        if place < 0:
            return 0.0
        return self.known[place] if place < len(self.known) else 1.0

    def _part(self, start: int, stop: int) -> Padded:
        first_one = self.zeros + len(self.known)
        return Padded(
            max(0, min(stop, self.zeros) - start),
            self.known[max(0, start - self.zeros) : max(0, stop - self.zeros)],
            max(0, stop - max(start, first_one)),
        )

    @property
    def addends(self) -> list[float]:
        """Numbers that add up to the same sum."""
        return [*self.known, float(self.ones)]
