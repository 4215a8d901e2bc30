"""What a parent's score can still become while some of its items have no answer.

A remaining item may turn out as any score, or have no part in the score (missing, skipped, or failed where that counts
as missing). The methods are monotone, so the lowest result is that of all remaining items at 0, and the highest that of
all at 1: both can really happen, which makes the bounds tight.
"""

from __future__ import annotations

from collections.abc import Sequence

from aggregation.methods import Aggregator, aggregator
from aggregation.padded import Padded
from schemas.policy import Method


def score_bounds(scores: Sequence[float], remaining: int, method: Method) -> tuple[float, float]:
    """Return the lowest and the highest score that a parent can end with.

    Args:
        scores: of the items that have one, in [0,1], in any order.
        remaining: how many items may still get a score.
        method: which method, with its parameters.

    Raises:
        ValueError: there is no score and none can come.
    """
    if not scores and not remaining:
        raise ValueError("there is no score to bound")
    return ordered_bounds(sorted(scores), remaining, aggregator(method))


def ordered_bounds(ordered: Sequence[float], remaining: int, combine: Aggregator) -> tuple[float, float]:
    """Return the same for scores in order, the lowest first. At least one is there or remains."""
    return combine(Padded(remaining, ordered)).score, combine(Padded(0, ordered, remaining)).score
