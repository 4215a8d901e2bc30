"""How the scores of a parent's items become one score.

Every method is monotone: a higher score of an item, a further item of score 1, or one less of score 0 never lowers the
result. `bounds.py` stands on that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import fsum

import msgspec

from aggregation.padded import Padded
from schemas.policy import Method


class Aggregate(msgspec.Struct, frozen=True, gc=False):
    """One score for a parent, and the share of items that trimmed_mean really dropped at each end."""

    score: float
    effective_trim: float | None = None


Aggregator = Callable[[Sequence[float]], Aggregate]
"""From the scores, the lowest first and at least one, to the parent's score."""


def mean(ordered: Sequence[float]) -> float:
    """Return the arithmetic mean.

    The sum is rounded once, so that the order of the scores cannot change it, and the quotient is held between the
    lowest and the highest score, which rounding can leave by one unit in the last place.
    """
    addends = ordered.addends if isinstance(ordered, Padded) else ordered
    return min(max(fsum(addends) / len(ordered), ordered[0]), ordered[-1])


def median_mid(ordered: Sequence[float]) -> float:
    """Return the median; of an even number of scores the mean of the two in the middle."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_low(ordered: Sequence[float]) -> float:
    """Return the median; of an even number of scores the lower of the two in the middle."""
    return ordered[(len(ordered) - 1) // 2]


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return the quantile q in [0,1], interpolated linearly between the two nearest scores.

    Source: Hyndman and Fan 1996, definition 7, the default of `numpy.quantile`.
    """
    place = q * (len(ordered) - 1)
    below = int(place)
    lower = ordered[below]
    if place == below:
        return lower
    upper = ordered[below + 1]
    return min(lower + (place - below) * (upper - lower), upper)


def share_at_or_above(ordered: Sequence[float], threshold: float) -> float:
    """Return 1 minus the share of scores below a threshold: high where few items are bad."""
    return (len(ordered) - bisect_left(ordered, threshold)) / len(ordered)


def trimmed(count: int, share: float) -> int:
    """Return how many of `count` scores trimmed_mean drops at each end: the share, rounded down.

    Source: `scipy.stats.trim_mean`, which also truncates towards zero.
    """
    return int(share * count)


def _trimmed_mean(ordered: Sequence[float], share: float) -> Aggregate:
    drop = trimmed(len(ordered), share)
    return Aggregate(mean(ordered[drop : len(ordered) - drop]), effective_trim=drop / len(ordered))


def _median(method: Method) -> Aggregator:
    middle = median_low if method.median == "low" else median_mid
    return lambda ordered: Aggregate(middle(ordered))


_METHODS: dict[str, Callable[[Method], Aggregator]] = {
    "mean": lambda _: lambda ordered: Aggregate(mean(ordered)),
    "median": _median,
    "min": lambda _: lambda ordered: Aggregate(ordered[0]),
    "trimmed_mean": lambda method: lambda ordered: _trimmed_mean(ordered, method.trim),
    "quantile": lambda method: lambda ordered: Aggregate(quantile(ordered, method.q)),
    "share_below": lambda method: lambda ordered: Aggregate(share_at_or_above(ordered, method.threshold)),
}


EXACT = frozenset({"median", "min", "share_below"})
"""Methods whose monotony no rounding can disturb: they choose among the scores, or divide two counts."""


def aggregator(method: Method) -> Aggregator:
    """Return a method with its parameters, for scores that are in order."""
    return _METHODS[method.name](method)


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
    return aggregator(method)(sorted(scores))
