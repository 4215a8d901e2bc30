"""Outcomes of parents that were labelled with unequal probabilities: each counts by one over its own."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_BETS: Final = (0.01, 0.03, 0.1, 0.3, 0.6)  # shares of what may be staked, on either side


def mean_evidence(values: NDArray[np.float64], lower: float, upper: float) -> NDArray[np.float64]:
    """Return log e-values (..., n) against a mean of zero, after each of n values.

    The capital of whoever bets a fixed part of what he has, averaged over a few parts on either side, is a martingale
    that begins at 1 where each value has mean zero given those before it (Waudby-Smith and Ramdas 2024, "Estimating
    means of bounded random variables by betting").

    Args:
        values: (..., n), in the order in which they became known.
        lower: below 0; no value may be below it. It must be known before the values are.
        upper: above 0; no value may be above it.

    Raises:
        ValueError: a value is outside of these bounds, or they do not enclose zero.
    """
    if not lower < 0.0 < upper:
        raise ValueError(f"the bounds must enclose zero, not {lower} and {upper}")
    if values.size and not lower - 1e-9 <= values.min() <= values.max() <= upper + 1e-9:
        raise ValueError(f"values from {values.min()} to {values.max()} are not within {lower} and {upper}")
    stakes = [part / -lower for part in _BETS] + [-part / upper for part in _BETS]
    capital = [np.cumsum(np.log1p(stake * values), axis=-1) for stake in stakes]
    return np.asarray(np.logaddexp.reduce(capital) - np.log(len(stakes)), dtype=np.float64)
