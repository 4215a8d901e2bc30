"""Exact binomial tails: for labels that were drawn with equal probability."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from workers.guarantee.errors import GuaranteeError

Array = NDArray[np.float64]


def check_levels(alpha: float, delta: float) -> None:
    """Refuse levels that are no shares.

    Raises:
        GuaranteeError: alpha or delta is not within (0,1).
    """
    for name, level in (("alpha", alpha), ("delta", delta)):
        if not 0.0 < level < 1.0:
            raise GuaranteeError(f"{name} must be above 0 and below 1, not {level}")


def binomial_p(bad: ArrayLike, accepted: ArrayLike, alpha: float) -> Array:
    """Return P(Binomial(accepted, alpha) <= bad): the p-value of "more than alpha of the accepted are bad".

    By the incomplete beta function (Clopper and Pearson 1934); 1 where nothing is accepted.
    """
    few, all_ = np.asarray(bad, dtype=np.float64), np.asarray(accepted, dtype=np.float64)
    tail = betainc(np.maximum(all_ - few, 1.0), few + 1.0, 1.0 - alpha)
    return np.asarray(np.where(few >= all_, 1.0, tail))


def binomial_upper(bad: ArrayLike, accepted: ArrayLike, delta: float) -> Array:
    """Return the one-sided upper bound of the share of bad ones at confidence 1 - delta (Clopper and Pearson 1934)."""
    few, all_ = np.asarray(bad, dtype=np.float64), np.asarray(accepted, dtype=np.float64)
    upper = betaincinv(few + 1.0, np.maximum(all_ - few, 1.0), 1.0 - delta)
    return np.asarray(np.where(few >= all_, 1.0, upper))


def least_labels(alpha: float, delta: float, bad: int = 0) -> int:
    """Return the least number of accepted labels, `bad` of them bad, that shows a risk of at most alpha.

    Without a bad one it is ln(delta) / ln(1 - alpha), rounded up: 149 for alpha 0.02 and delta 0.05. Fewer can show
    nothing, however good they are.

    Raises:
        GuaranteeError: alpha or delta is not within (0,1), or `bad` is below 0.
    """
    check_levels(alpha, delta)
    if bad < 0:
        raise GuaranteeError(f"the number of bad labels cannot be {bad}")
    low, high = bad, max(1, math.ceil((bad + 1) / alpha))
    while binomial_p(bad, high, alpha) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if binomial_p(bad, middle, alpha) <= delta else (middle, high)
    return high


def most_bad(accepted: int, alpha: float, delta: float) -> int:
    """Return how many of the accepted labels may be bad for the test to succeed; -1 where not even none may."""
    few = np.arange(int(accepted * alpha) + 2)
    return int(np.searchsorted(binomial_p(few, accepted, alpha), delta, side="right")) - 1
