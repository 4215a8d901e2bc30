"""A bound by betting: for labels that were drawn with unequal probability, where counts have no binomial law.

Of the accepted, drawn labels let v be the least probability over a label's own, in (0,1]. "More than alpha of the
accepted are bad" says E[v (bad - alpha)] > 0. Against it capital is bet, label by label in random order: it changes by
the factor 1 + f v alpha / (1 - alpha) for a good label and 1 - f v for a bad one, with an f in [0,1] that is fixed
before the label is drawn. Where the claim is true, no factor's mean is above 1, so the chance that the capital ever
reaches 1 / delta is at most delta (Ville; Waudby-Smith and Ramdas 2024, section 4).
"""

from __future__ import annotations

import math

import numpy as np

from workers.guarantee.sample import Array, Bools

_PRIOR = 5.0  # labels of weight 1 that the mean of v^2 begins with, so that the first ones do not swing it
_FINE = 1e-6


def bets(weights: Array, alpha: float, delta: float) -> Array:
    """Return the f of each label (n,), from how many there are and from the v (n,) before it.

    f = sqrt(2 ln(1/delta) / (n var)) / (largest bet), with var = E[v^2] alpha (1 - alpha) as at the edge of the claim
    (the same, section 3, predictable plug-in); at most 1.
    """
    count = len(weights)
    before = np.concatenate([[0.0], np.square(weights).cumsum()])[:-1]
    squares = (_PRIOR + before) / (_PRIOR + np.arange(count))
    return np.asarray(np.minimum(np.sqrt(2 * math.log(1 / delta) * (1 - alpha) / (count * alpha * squares)), 1.0))


def log_capital(bad: Bools, stakes: Array, alpha: float) -> Array:
    """Return the log of the capital after each label in the order given, (n,), begun with 0.

    Args:
        bad: (n,), of the accepted labels.
        stakes: (n,), f v, in [0,1].
        alpha: the share that the claim is about.
    """
    with np.errstate(divide="ignore"):  # all that is left may be lost
        return np.asarray(np.where(bad, np.log1p(-stakes), np.log1p(stakes * alpha / (1.0 - alpha))).cumsum())


def refuted(bad: Bools, weights: Array, alpha: float, delta: float) -> bool:
    """Return whether these accepted labels, in random order, refute that more than alpha of the accepted are bad.

    Args:
        bad: (n,).
        weights: (n,), v in (0,1].
        alpha: the share that the claim is about.
        delta: the chance of refuting what is true.
    """
    return _reached(bad, bets(weights, alpha, delta) * weights, alpha, delta)


def upper(bad: Bools, weights: Array, alpha: float, delta: float) -> float:
    """Return the smallest share that the bets for alpha refute, to a millionth: the bound at confidence 1 - delta."""
    stakes = bets(weights, alpha, delta) * weights
    low, high = 0.0, 1.0
    while high - low > _FINE:
        middle = (low + high) / 2
        low, high = (low, middle) if _reached(bad, stakes, middle, delta) else (middle, high)
    return high


def _reached(bad: Bools, stakes: Array, alpha: float, delta: float) -> bool:
    # Equal labels that just suffice come out at the goal itself, but for the last bits of a long sum.
    return bool(len(bad) and log_capital(bad, stakes, alpha).max() >= -math.log(delta) - 1e-12)
