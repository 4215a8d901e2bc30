"""The thresholds that are tested, and from which one on. Both are fixed before any label is looked at."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from workers.guarantee.bounds import binomial_p, least_labels, most_bad
from workers.guarantee.errors import GuaranteeError
from workers.guarantee.sample import Array

STEPS: Final = 1000
_LIKELY: Final = 0.9
_SHARE: Final = 1 / 3


def grid(thresholds: Array | None = None) -> Array:
    """Return thresholds from the strictest on: 1, 0.999, ... 0.001, or those given.

    Others than these may come from scores of parents that are not labelled, never from those that are.

    Raises:
        GuaranteeError: there are none, or one is not within (0,1].
    """
    if thresholds is None:
        return np.asarray(np.arange(STEPS, 0, -1) / STEPS)
    found = np.unique(np.asarray(thresholds, dtype=np.float64))[::-1]
    if not found.size or not ((found > 0.0) & (found <= 1.0)).all():
        raise GuaranteeError("thresholds must be above 0 and at most 1")
    return np.asarray(found)


def begin(sizes: Array, shares: Array, alpha: float, delta: float) -> int | None:
    """Return the place of the first threshold to be tested, or None where none accepts enough.

    Fewer labels than `least_labels` can show nothing. Beginning right there would end at the first bad label; so the
    first test waits for `enough`, but not for more than a third of all that some threshold accepts.

    Args:
        sizes: (k,), how many labels each threshold accepts; in equal ones, where they were drawn unequally (Kish 1965).
        shares: (k,), how much of what some threshold accepts this one does, estimated.
        alpha: the share of the accepted that may be bad.
        delta: the chance of being wrong.
    """
    waited = (sizes >= enough(alpha, delta)) | (shares >= _SHARE)
    found = np.flatnonzero(waited & (sizes >= least_labels(alpha, delta) - 1e-6))
    return int(found[0]) if found.size else None


@lru_cache(maxsize=256)
def enough(alpha: float, delta: float) -> int:
    """Return, in steps of a tenth, how many labels let a risk of alpha / 2 pass the test in 9 of 10 cases."""
    count = least_labels(alpha, delta)
    while binomial_p(max(most_bad(count, alpha, delta), 0), count, alpha / 2) < _LIKELY:
        count = math.ceil(count * 1.1)
    return count
