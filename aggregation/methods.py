"""How the scores of a parent's items become one score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum

import msgspec

from schemas.policy import Method


class Aggregate(msgspec.Struct, frozen=True, gc=False):
    """One score for a parent, and the share of items that trimmed_mean really dropped at each end."""

    score: float
    effective_trim: float | None = None


def mean(ordered: Sequence[float]) -> float:
    """Return the arithmetic mean.

    The sum is rounded once, so that the order of the scores cannot change it, and the quotient is held between the
    lowest and the highest score, which rounding can leave by one unit in the last place.
    """
    return min(max(fsum(ordered) / len(ordered), ordered[0]), ordered[-1])


def median_mid(ordered: Sequence[float]) -> float:
    """Return the median; of an even number of scores the mean of the two in the middle."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_low(ordered: Sequence[float]) -> float:
    """Return the median; of an even number of scores the lower of the two in the middle."""
    return ordered[(len(ordered) - 1) // 2]


def trimmed(count: int, share: float) -> int:
    """Return how many of `count` scores trimmed_mean drops at each end: the share, rounded down.

    Source: `scipy.stats.trim_mean`, which also truncates towards zero.
    """
    return int(share * count)


def _trimmed_mean(ordered: Sequence[float], share: float) -> Aggregate:
    drop = trimmed(len(ordered), share)
    return Aggregate(mean(ordered[drop : len(ordered) - drop]), effective_trim=drop / len(ordered))


def _median(ordered: Sequence[float], method: Method) -> Aggregate:
    return Aggregate(median_low(ordered) if method.median == "low" else median_mid(ordered))


_METHODS: dict[str, Callable[[Sequence[float], Method], Aggregate]] = {
    "mean": lambda ordered, _: Aggregate(mean(ordered)),
    "median": _median,
    "min": lambda ordered, _: Aggregate(ordered[0]),
    "trimmed_mean": lambda ordered, method: _trimmed_mean(ordered, method.trim),
}


def aggregate(scores: Sequence[float], method: Method) -> Aggregate:
    """Return the score of a parent from the scores of its items, in any order.

    Args:
        scores: one finite number in [0,1] for each item.
        method: which method, with its parameters.

    Raises:
        ValueError: there is no score, so there is nothing to aggregate.
    """
    if not scores:
        raise ValueError("there is no score to aggregate")
    return _METHODS[method.name](sorted(scores), method)
