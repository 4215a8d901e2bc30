"""How scores are spread: count, extremes, mean and deviation exactly, deciles by a mergeable sketch (t-digest).

What is told depends on the scores alone and not on the order in which they came, so that a monitor which was killed
tells the same again: sums are rounded once, and a digest is made from sorted scores.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Final

import numpy as np
from datasketches import tdigest_double

COMPRESSION: Final = 400  # of the digest: at most 0.01 off in rank, see the test; about 8 KB where it is full
DECILES: Final = tuple(number / 10 for number in range(1, 10))

Key = tuple[str, str]
"""Parent id and window."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What is told of scores. The deviation is that of all of them: divided by n, as numpy does."""

    n: int
    low: float
    high: float
    mean: float
    std: float
    deciles: tuple[float, ...]  # P10 to P90


class Scores:
    """The scores of some decisions. One that a revision may replace can be taken out again.

    Scores are kept as they are until `settle` is told that hardly any more will come; then they become a digest.
    """

    __slots__ = ("_digest", "_high", "_low", "_n", "_raw", "_replaceable", "_squares", "_sum")

    def __init__(self) -> None:
        """Begin without any."""
        self._raw = array("d")
        self._replaceable: dict[Key, float] = {}
        self._digest: tdigest_double | None = None
        self._n = 0  # of the digest, as are the four below
        self._sum = self._squares = 0.0
        self._low, self._high = 1.0, 0.0

    def add(self, score: float) -> None:
        """Take a score for good."""
        self._raw.append(score)

    def add_replaceable(self, key: Key, score: float) -> None:
        """Take a score that `remove` may take out again."""
        self._replaceable[key] = score

    def remove(self, key: Key) -> None:
        """Take out a score; nothing happens where there is none."""
        self._replaceable.pop(key, None)

    def keep(self, key: Key) -> None:
        """Let a score that could be replaced stay for good."""
        score = self._replaceable.pop(key, None)
        if score is not None:
            self.add(score)

    def settle(self) -> None:
        """Make a digest of what is here for good; what comes later is kept as it is."""
        if self._digest is not None or not self._raw:
            return
        ordered = np.sort(np.frombuffer(self._raw, dtype=np.float64))
        self._n, self._low, self._high = len(ordered), float(ordered[0]), float(ordered[-1])
        self._sum, self._squares = fsum(ordered), fsum(ordered * ordered)
        self._digest = _digest_of(ordered)
        self._raw = array("d")

    def loose(self) -> list[float]:
        """Return the scores that no digest holds."""
        return [*self._raw, *self._replaceable.values()]

    def digested(self) -> tuple[tdigest_double, int, float, float, float, float] | None:
        """Return the digest with count, sum, sum of squares, lowest and highest score; None before there is one."""
        if self._digest is None:
            return None
        return self._digest, self._n, self._sum, self._squares, self._low, self._high


def spread(parts: Iterable[Scores]) -> Spread | None:
    """Return how the scores of all parts together are spread, or None where there is none.

    The deciles are those of a t-digest (Dunning and Ertl, 2019), made by merging the parts' digests in their order.
    """
    merged = tdigest_double(COMPRESSION)
    loose: list[float] = []
    counts: list[int] = []
    sums: list[float] = []
    squares: list[float] = []
    extremes: list[float] = []
    for part in parts:
        loose += part.loose()
        held = part.digested()
        if held is not None:
            merged.merge(held[0])
            counts.append(held[1])
            sums.append(held[2])
            squares.append(held[3])
            extremes += held[4:]
    n = len(loose) + sum(counts)
    if not n:
        return None
    if loose:
        ordered = np.sort(np.array(loose))
        merged.merge(_digest_of(ordered))
        extremes += [float(ordered[0]), float(ordered[-1])]
    mean = fsum([*loose, *sums]) / n
    variance = fsum([*(score * score for score in loose), *squares]) / n - mean * mean
    deciles = tuple(float(merged.get_quantile(rank)) for rank in DECILES)
    return Spread(n, min(extremes), max(extremes), mean, sqrt(max(0.0, variance)), deciles)


def _digest_of(ordered: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tdigest_double:
    digest = tdigest_double(COMPRESSION)
    digest.update(ordered)
    return digest
